-- duckdb
SELECT survey.response_key, survey.customer_key, survey.answered_on, survey.satisfaction, survey.recommend, survey.on_time, survey.quality, survey.price, survey.terms, survey.complaint_handling, survey.listening, survey.trust
FROM survey

-- postgresql
SELECT survey.response_key, survey.customer_key, survey.answered_on, survey.satisfaction, survey.recommend, survey.on_time, survey.quality, survey.price, survey.terms, survey.complaint_handling, survey.listening, survey.trust
FROM survey
