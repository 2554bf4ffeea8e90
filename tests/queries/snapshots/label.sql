-- duckdb
SELECT label.domain, label.code, label.name, label.name_en, label.position
FROM label

-- postgresql
SELECT label.domain, label.code, label.name, label.name_en, label.position
FROM label
