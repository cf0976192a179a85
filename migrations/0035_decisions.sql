-- What is done about addresses and users: versioned rows, the highest version of an id wins. A row ends at until, or at
-- ended_at when somebody undid it. body is what the server goes on from; the columns are for people's queries.
CREATE TABLE IF NOT EXISTS decisions{{.OnCluster}}
(
    id         UInt64,
    version    UInt64,
    type       LowCardinality(String),
    scope      LowCardinality(String),
    value      String,
    origin     LowCardinality(String),
    scenario   String,
    simulated  Bool,
    incident   String,
    author     String,
    created_at DateTime64(9, 'UTC'),
    until      DateTime64(9, 'UTC'),
    ended_at   DateTime64(9, 'UTC'),
    body       String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "ReplacingMergeTree" "version"}}
ORDER BY id
SETTINGS auto_statistics_types = '';
