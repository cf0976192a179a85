-- Requests of each endpoint by the day of event time (UTC) and by how they were made and answered: the inventory's facts.
-- Filled by 0136.
--
-- identity is how the caller was known: an auth_scheme, else user, session or anonymous. Only low cardinalities, so that
-- grouping costs an insert little. What no template describes ({other}) is no endpoint.
CREATE TABLE IF NOT EXISTS endpoint_days{{.OnCluster}}
(
    service     LowCardinality(String),
    method      LowCardinality(String),
    route       LowCardinality(String),
    day         Date32                                        CODEC(Delta, ZSTD(1)),
    status      UInt16                                        CODEC(ZSTD(1)),
    identity    LowCardinality(String),
    tls_version LowCardinality(String),
    scheme      LowCardinality(String),
    requests    SimpleAggregateFunction(sum, UInt64)          CODEC(T64, ZSTD(1)),
    first_seen  SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    last_seen   SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(ZSTD(1))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
ORDER BY (service, route, method, day, status, identity, tls_version, scheme)
SETTINGS non_replicated_deduplication_window = 10000,
         auto_statistics_types = '';
