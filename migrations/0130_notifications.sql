-- The outbox of notifications: versioned rows, the highest version of an id wins. body is what the server goes on from; the
-- columns are for people's queries and for loading.
CREATE TABLE IF NOT EXISTS notifications{{.OnCluster}}
(
    id               String,
    version          UInt64,
    channel          LowCardinality(String),
    state            LowCardinality(String),
    incident         String,
    incident_version UInt64,
    message          String,
    created_at       DateTime64(9, 'UTC'),
    body             String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "ReplacingMergeTree" "version"}}
ORDER BY (channel, id)
SETTINGS auto_statistics_types = '';
