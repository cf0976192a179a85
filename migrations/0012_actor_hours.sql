-- Requests of each user by the hour of event time, and of each client among the requests without a user (user is empty
-- then; client_ip is :: on users' rows). Filled by 0013.
--
-- failures counts status 400 and more.
CREATE TABLE IF NOT EXISTS actor_hours{{.OnCluster}}
(
    user      String                                CODEC(ZSTD(1)),
    client_ip IPv6                                  CODEC(ZSTD(1)),
    hour      DateTime('UTC')                       CODEC(Delta, ZSTD(1)),
    requests  SimpleAggregateFunction(sum, UInt64)  CODEC(T64, ZSTD(1)),
    failures  SimpleAggregateFunction(sum, UInt64)  CODEC(T64, ZSTD(1)),
    bytes_out SimpleAggregateFunction(sum, Int64)   CODEC(T64, ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
ORDER BY (user, client_ip, hour)
SETTINGS non_replicated_deduplication_window = 10000,
         auto_statistics_types = '';
