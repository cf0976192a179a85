-- The versions of the baselines. A version is judged with from effective_from on, within its generation; snapshot is all
-- that its content depends on, as JSON.
CREATE TABLE IF NOT EXISTS baseline_versions{{.OnCluster}}
(
    version        String,
    generation     LowCardinality(String),
    effective_from DateTime64(9, 'UTC'),
    snapshot       String CODEC(ZSTD(3)),
    events         UInt64,
    endpoints      UInt64,
    actors         UInt64,
    min_days       UInt16,
    time_zone      LowCardinality(String),
    saved_at       DateTime64(9, 'UTC') DEFAULT now64(9, 'UTC')
)
ENGINE = {{.Engine "ReplacingMergeTree" "saved_at"}}
ORDER BY (generation, effective_from, version)
SETTINGS auto_statistics_types = '';
