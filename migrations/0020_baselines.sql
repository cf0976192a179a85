-- The learned rows of each version of the baselines: endpoints, crowds, and users in chunks, as JSON.
-- A version's rows are written before its row in baseline_versions, and never changed.
CREATE TABLE IF NOT EXISTS baselines{{.OnCluster}}
(
    version LowCardinality(String),
    kind    LowCardinality(String),
    key     String CODEC(ZSTD(3)),
    row     String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "ReplacingMergeTree"}}
ORDER BY (version, kind, key)
SETTINGS auto_statistics_types = '';
