-- What people say about endpoints (kind endpoint), their OpenAPI documents (openapi) and policies (policy): versioned rows,
-- the highest version of (kind, key) wins. body is JSON.
CREATE TABLE IF NOT EXISTS inventory{{.OnCluster}}
(
    kind    LowCardinality(String),
    key     String,
    version UInt64,
    body    String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "ReplacingMergeTree" "version"}}
ORDER BY (kind, key)
SETTINGS auto_statistics_types = '';
