-- duckdb
SELECT customer.customer_key, customer.code, customer.name, customer.name_en, customer.kind, customer.region_key, customer.industry, customer.size, customer.manager_key, customer.acquired_on, customer.acquisition_channel_key, customer.acquisition_cost, customer.strategic_fit, customer.needs_level, customer.credit_limit
FROM customer

-- postgresql
SELECT customer.customer_key, customer.code, customer.name, customer.name_en, customer.kind, customer.region_key, customer.industry, customer.size, customer.manager_key, customer.acquired_on, customer.acquisition_channel_key, customer.acquisition_cost, customer.strategic_fit, customer.needs_level, customer.credit_limit
FROM customer
