-- duckdb
SELECT cost.customer_key, cost.week, cost.source, cost.item, sum(cost.quantity) AS quantity, coalesce(sum(cost.amount), 0) AS amount
FROM (SELECT service_event.customer_key AS customer_key, CAST(date_trunc('week', service_event.served_on) AS DATE) AS week, 'activity' AS source, activity.code AS item, service_event.quantity AS quantity, round(service_event.quantity * activity_rate.unit_rate, 2) AS amount
FROM service_event JOIN activity ON activity.activity_key = service_event.activity_key LEFT OUTER JOIN activity_rate ON activity_rate.activity_key = service_event.activity_key AND activity_rate.valid_from <= service_event.served_on AND service_event.served_on < coalesce(activity_rate.valid_to, DATE '9999-12-31') UNION ALL SELECT direct_cost.customer_key AS customer_key, CAST(date_trunc('week', direct_cost.incurred_on) AS DATE) AS week, 'direct' AS source, direct_cost.kind AS item, CAST(NULL AS NUMERIC(15, 3)) AS quantity, direct_cost.amount AS amount
FROM direct_cost) AS cost GROUP BY cost.customer_key, cost.week, cost.source, cost.item

-- postgresql
SELECT cost.customer_key, cost.week, cost.source, cost.item, sum(cost.quantity) AS quantity, coalesce(sum(cost.amount), 0) AS amount
FROM (SELECT service_event.customer_key AS customer_key, CAST(date_trunc('week', service_event.served_on) AS DATE) AS week, 'activity' AS source, activity.code AS item, service_event.quantity AS quantity, round(service_event.quantity * activity_rate.unit_rate, 2) AS amount
FROM service_event JOIN activity ON activity.activity_key = service_event.activity_key LEFT OUTER JOIN activity_rate ON activity_rate.activity_key = service_event.activity_key AND activity_rate.valid_from <= service_event.served_on AND service_event.served_on < coalesce(activity_rate.valid_to, DATE '9999-12-31') UNION ALL SELECT direct_cost.customer_key AS customer_key, CAST(date_trunc('week', direct_cost.incurred_on) AS DATE) AS week, 'direct' AS source, direct_cost.kind AS item, CAST(NULL AS NUMERIC(15, 3)) AS quantity, direct_cost.amount AS amount
FROM direct_cost) AS cost GROUP BY cost.customer_key, cost.week, cost.source, cost.item
