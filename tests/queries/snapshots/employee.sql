-- duckdb
SELECT employee.employee_key, employee.code, employee.name, employee.name_en, employee.role
FROM employee

-- postgresql
SELECT employee.employee_key, employee.code, employee.name, employee.name_en, employee.role
FROM employee
