-- The path templates: versioned rows, the latest version of (service, route) wins. alias_of names the template that has
-- taken this one's place; it is empty while the route stands for itself.
CREATE TABLE IF NOT EXISTS routes{{.OnCluster}}
(
    service     LowCardinality(String),
    route       String,
    alias_of    String,
    first_seen  DateTime64(9, 'UTC'),
    source      LowCardinality(String),
    -- asked for often enough that the names in it stand for themselves
    established Bool,
    version     UInt64
)
ENGINE = {{.Engine "ReplacingMergeTree" "version"}}
ORDER BY (service, route)
SETTINGS auto_statistics_types = '';
