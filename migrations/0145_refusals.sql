-- Refusals (status 401, and 403 of routes without parameters: one with parameters refuses an object) of each client under each
-- user's name by each endpoint and the hour of event time. Filled by 0146.
CREATE TABLE IF NOT EXISTS refusals{{.OnCluster}}
(
    service   LowCardinality(String),
    method    LowCardinality(String),
    route     LowCardinality(String),
    hour      DateTime('UTC')                       CODEC(Delta, ZSTD(1)),
    client_ip IPv6                                  CODEC(ZSTD(1)),
    user      String                                CODEC(ZSTD(1)),
    requests  SimpleAggregateFunction(sum, UInt64)  CODEC(T64, ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
ORDER BY (service, route, method, hour, client_ip, user)
SETTINGS non_replicated_deduplication_window = 10000,
         auto_statistics_types = '';
