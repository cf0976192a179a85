-- Who changed what and who read which evidence. Rows are only ever added.
CREATE TABLE IF NOT EXISTS audit{{.OnCluster}}
(
    time   DateTime64(9, 'UTC'),
    id     String,
    actor  LowCardinality(String),
    role   LowCardinality(String),
    action LowCardinality(String),
    target String,
    remote String,
    detail String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "MergeTree"}}
ORDER BY (time, id)
SETTINGS auto_statistics_types = '';
