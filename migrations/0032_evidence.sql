-- A bounded sample of an incident's events, kept for as long as the incident: it outlives the events' retention.
-- body is the event as JSON.
CREATE TABLE IF NOT EXISTS evidence{{.OnCluster}}
(
    incident_id String,
    event_id    String,
    time        DateTime64(9, 'UTC'),
    source      LowCardinality(String),
    generation  UInt64,
    position    UInt64,
    body        String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
ORDER BY (incident_id, event_id)
SETTINGS auto_statistics_types = '';
