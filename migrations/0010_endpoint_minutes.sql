-- Requests of each endpoint by the minute of event time, filled by 0011. Charts and baselines read it.
--
-- Only sums, which cost next to nothing where an insert pays for them; states of distinct clients and quantiles would cost
-- more than the events themselves in a sparse log. bytes_out is the sum of the sizes that were logged. The table drops
-- repeated blocks on its own account, so that a retried insert into events counts once here too.
CREATE TABLE IF NOT EXISTS endpoint_minutes{{.OnCluster}}
(
    service       LowCardinality(String),
    method        LowCardinality(String),
    route         LowCardinality(String),
    minute        DateTime('UTC')                           CODEC(Delta, ZSTD(1)),
    requests      SimpleAggregateFunction(sum, UInt64)      CODEC(T64, ZSTD(1)),
    client_errors SimpleAggregateFunction(sum, UInt64)      CODEC(T64, ZSTD(1)),
    server_errors SimpleAggregateFunction(sum, UInt64)      CODEC(T64, ZSTD(1)),
    bytes_out     SimpleAggregateFunction(sum, Int64)       CODEC(T64, ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
ORDER BY (service, route, method, minute)
SETTINGS non_replicated_deduplication_window = 10000,
         auto_statistics_types = '';
