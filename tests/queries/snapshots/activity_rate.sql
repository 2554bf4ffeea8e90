-- duckdb
SELECT activity_rate.activity_key, activity_rate.valid_from, activity_rate.valid_to, activity_rate.unit_rate, activity_rate.weekly_capacity, activity_rate.weekly_cost
FROM activity_rate

-- postgresql
SELECT activity_rate.activity_key, activity_rate.valid_from, activity_rate.valid_to, activity_rate.unit_rate, activity_rate.weekly_capacity, activity_rate.weekly_cost
FROM activity_rate
