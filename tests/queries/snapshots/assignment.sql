-- duckdb
SELECT assignment.customer_key, assignment.valid_from, assignment.valid_to, assignment.grade, assignment.tier, assignment.reason
FROM assignment

-- postgresql
SELECT assignment.customer_key, assignment.valid_from, assignment.valid_to, assignment.grade, assignment.tier, assignment.reason
FROM assignment
