-- duckdb
SELECT activity.activity_key, activity.code, activity.name, activity.name_en, activity.cost_pool, activity.driver_unit
FROM activity

-- postgresql
SELECT activity.activity_key, activity.code, activity.name, activity.name_en, activity.cost_pool, activity.driver_unit
FROM activity
