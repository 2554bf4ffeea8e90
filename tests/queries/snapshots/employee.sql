-- duckdb
SELECT employee.employee_key, employee.code, employee.name, employee.name_en, employee.role, employee.region_key, employee.hours_per_week
FROM employee

-- postgresql
SELECT employee.employee_key, employee.code, employee.name, employee.name_en, employee.role, employee.region_key, employee.hours_per_week
FROM employee
