-- Incidents: versioned rows, the highest version of an id wins. seq is the change's place in the stream of all changes.
-- body is what the server goes on from; the columns are for people's queries.
CREATE TABLE IF NOT EXISTS incidents{{.OnCluster}}
(
    id           String,
    version      UInt64,
    seq          UInt64,
    title        String,
    detector     LowCardinality(String),
    kind         LowCardinality(String),
    severity     LowCardinality(String),
    score        UInt8,
    status       LowCardinality(String),
    entity_type  LowCardinality(String),
    entity_value String,
    service      LowCardinality(String),
    route        String,
    first_seen   DateTime64(9, 'UTC'),
    last_seen    DateTime64(9, 'UTC'),
    event_count  UInt64,
    assignee     String,
    created_at   DateTime64(9, 'UTC'),
    updated_at   DateTime64(9, 'UTC'),
    body         String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "ReplacingMergeTree" "version"}}
ORDER BY id
SETTINGS auto_statistics_types = '';
