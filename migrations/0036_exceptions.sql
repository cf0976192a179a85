-- Suppressions and allowlists: versioned rows, the highest version of an id wins. body is JSON.
CREATE TABLE IF NOT EXISTS exceptions{{.OnCluster}}
(
    id      String,
    version UInt64,
    body    String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "ReplacingMergeTree" "version"}}
ORDER BY id
SETTINGS auto_statistics_types = '';
