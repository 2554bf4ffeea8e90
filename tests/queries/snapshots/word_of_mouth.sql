-- duckdb
SELECT word_of_mouth.customer_key, word_of_mouth.happened_on, word_of_mouth.kind
FROM word_of_mouth

-- postgresql
SELECT word_of_mouth.customer_key, word_of_mouth.happened_on, word_of_mouth.kind
FROM word_of_mouth
