-- What detectors found: versioned rows, the highest revision of (incident_id, id) wins. A finding belongs to one incident
-- for ever. body is the finding as JSON, without its sample of events.
CREATE TABLE IF NOT EXISTS findings{{.OnCluster}}
(
    incident_id  String,
    id           String,
    revision     UInt32,
    is_open      Bool,
    detector     LowCardinality(String),
    kind         LowCardinality(String),
    severity     LowCardinality(String),
    entity_type  LowCardinality(String),
    entity_value String,
    service      LowCardinality(String),
    route        String,
    fired_at     DateTime64(9, 'UTC'),
    first_seen   DateTime64(9, 'UTC'),
    last_seen    DateTime64(9, 'UTC'),
    event_count  UInt64,
    observed     Float64,
    expected     Float64,
    body         String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "ReplacingMergeTree" "revision"}}
ORDER BY (incident_id, id)
SETTINGS auto_statistics_types = '';
