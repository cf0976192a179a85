-- Distinct objects that each user, or each client without a user, read successfully (status 200 to 299) through one
-- endpoint, by the hour of event time. Filled by 0015. An object is the tuple of the values of the template's parameters.
-- Declared crawlers without a user are left out: they read everything.
CREATE TABLE IF NOT EXISTS object_hours{{.OnCluster}}
(
    service   LowCardinality(String),
    method    LowCardinality(String),
    route     LowCardinality(String),
    user      String                                CODEC(ZSTD(1)),
    client_ip IPv6                                  CODEC(ZSTD(1)),
    hour      DateTime('UTC')                       CODEC(Delta, ZSTD(1)),
    requests  SimpleAggregateFunction(sum, UInt64)  CODEC(T64, ZSTD(1)),
    objects   AggregateFunction(uniq, Array(String)) CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
ORDER BY (service, route, method, user, client_ip, hour)
SETTINGS non_replicated_deduplication_window = 10000,
         auto_statistics_types = '';
