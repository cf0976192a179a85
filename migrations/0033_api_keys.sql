-- API keys: versioned rows, the highest version of an id wins. body is JSON and holds the key's SHA-256, never the key.
CREATE TABLE IF NOT EXISTS api_keys{{.OnCluster}}
(
    id      String,
    version UInt64,
    body    String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "ReplacingMergeTree" "version"}}
ORDER BY id
SETTINGS auto_statistics_types = '';
