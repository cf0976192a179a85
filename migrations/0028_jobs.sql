-- Batch jobs and how they stand: versioned rows, the latest revision of an id wins. snapshot is what an interrupted job
-- is run again with, as JSON.
CREATE TABLE IF NOT EXISTS jobs{{.OnCluster}}
(
    id          String,
    kind        LowCardinality(String),
    state       LowCardinality(String),
    reason      LowCardinality(String),
    stage       LowCardinality(String),
    progress    Float64,
    error       String,
    result      String,
    snapshot    String CODEC(ZSTD(3)),
    created_at  DateTime64(9, 'UTC'),
    started_at  DateTime64(9, 'UTC'),
    finished_at DateTime64(9, 'UTC'),
    revision    UInt64
)
ENGINE = {{.Engine "ReplacingMergeTree" "revision"}}
ORDER BY id
SETTINGS auto_statistics_types = '';
