-- duckdb
SELECT target.metric, target.region_code, target.grade, target.starts_on, target.ends_on, target.value
FROM target

-- postgresql
SELECT target.metric, target.region_code, target.grade, target.starts_on, target.ends_on, target.value
FROM target
