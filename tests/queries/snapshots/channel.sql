-- duckdb
SELECT channel.channel_key, channel.code, channel.name, channel.name_en
FROM channel

-- postgresql
SELECT channel.channel_key, channel.code, channel.name, channel.name_en
FROM channel
