-- duckdb
SELECT event.event_key, event.starts_on, event.ends_on, event.name, event.name_en, event.kind
FROM event

-- postgresql
SELECT event.event_key, event.starts_on, event.ends_on, event.name, event.name_en, event.kind
FROM event
