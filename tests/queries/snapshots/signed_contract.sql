-- duckdb
SELECT opportunity_stage.customer_key, opportunity_stage.entered_on AS signed_on, opportunity_stage.value
FROM opportunity_stage
WHERE opportunity_stage.stage = 'after_sales' AND opportunity_stage.customer_key IS NOT NULL

-- postgresql
SELECT opportunity_stage.customer_key, opportunity_stage.entered_on AS signed_on, opportunity_stage.value
FROM opportunity_stage
WHERE opportunity_stage.stage = 'after_sales' AND opportunity_stage.customer_key IS NOT NULL
