-- Requests of each caller to each endpoint by the day of event time (UTC): who accessed what, for longer than the events
-- are kept. A caller is a user, or the client address of requests without one (client_ip is :: on users' rows). Filled by
-- 0138.
--
-- successes counts status 200 to 299, refused 401 and 403, failures 400 and more.
CREATE TABLE IF NOT EXISTS endpoint_callers{{.OnCluster}}
(
    service    LowCardinality(String),
    method     LowCardinality(String),
    route      LowCardinality(String),
    day        Date32                                        CODEC(Delta, ZSTD(1)),
    user       String                                        CODEC(ZSTD(1)),
    client_ip  IPv6                                          CODEC(ZSTD(1)),
    requests   SimpleAggregateFunction(sum, UInt64)          CODEC(T64, ZSTD(1)),
    successes  SimpleAggregateFunction(sum, UInt64)          CODEC(T64, ZSTD(1)),
    refused    SimpleAggregateFunction(sum, UInt64)          CODEC(T64, ZSTD(1)),
    failures   SimpleAggregateFunction(sum, UInt64)          CODEC(T64, ZSTD(1)),
    bytes_out  SimpleAggregateFunction(sum, Int64)           CODEC(T64, ZSTD(1)),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    last_seen  SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
ORDER BY (service, route, method, day, user, client_ip)
SETTINGS non_replicated_deduplication_window = 10000,
         auto_statistics_types = '';
