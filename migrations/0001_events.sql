-- One row per HTTP request; docs/schema.md says what the columns mean.
--
-- Partitioned by the month of ingestion, not of the request: every block then lands in one part, so that it is stored
-- whole or not at all, an imported log of many years is not torn into hundreds of parts, and retention, which counts
-- from ingestion, drops whole parts. The indexes on time, ingested_at and position skip what a query's range leaves out.
--
-- The projection answers "what is stored of each source" from a few rows a part. Being part of the part it cannot
-- disagree with the events, whatever is killed when.
--
-- Codecs were chosen by measuring (docs/BENCHMARKS.md). GCD turns whole seconds in a nanosecond column into small
-- numbers. Statistics are off: they cost 13 kB a part and nothing here is planned with them.
CREATE TABLE IF NOT EXISTS events{{.OnCluster}}
(
    time         DateTime64(9, 'UTC')             CODEC(GCD, Delta, ZSTD(1)),
    source       LowCardinality(String)           CODEC(ZSTD(1)),
    generation   UInt64                           CODEC(Delta, ZSTD(1)),
    position     UInt64                           CODEC(Delta, ZSTD(1)),
    service      LowCardinality(String)           CODEC(ZSTD(1)),
    format       LowCardinality(String)           CODEC(ZSTD(1)),
    client_ip    IPv6                             CODEC(ZSTD(1)),
    user         String                           CODEC(ZSTD(1)),
    session      String                           CODEC(ZSTD(1)),
    auth_scheme  LowCardinality(String)           CODEC(ZSTD(1)),
    method       LowCardinality(String)           CODEC(ZSTD(1)),
    scheme       LowCardinality(String)           CODEC(ZSTD(1)),
    host         LowCardinality(String)           CODEC(ZSTD(1)),
    path         String                           CODEC(ZSTD(3)),
    query        String                           CODEC(ZSTD(3)),
    protocol     LowCardinality(String)           CODEC(ZSTD(1)),
    request_line String                           CODEC(ZSTD(3)),
    route        LowCardinality(String)           CODEC(ZSTD(1)),
    object_ids   Array(String)                    CODEC(ZSTD(3)),
    status       UInt16                           CODEC(ZSTD(1)),
    bytes_in     Int64                            CODEC(ZSTD(1)),
    bytes_out    Int64                            CODEC(ZSTD(1)),
    duration_ms  Float64                          CODEC(ZSTD(1)),
    upstream_ms  Float64                          CODEC(ZSTD(1)),
    referer      LowCardinality(String)           CODEC(ZSTD(1)),
    user_agent   LowCardinality(String)           CODEC(ZSTD(1)),
    ua_family    LowCardinality(String)           CODEC(ZSTD(1)),
    is_bot       Bool                             CODEC(ZSTD(1)),
    tls_version  LowCardinality(String)           CODEC(ZSTD(1)),
    request_id   String                           CODEC(ZSTD(1)),
    upstream     LowCardinality(String)           CODEC(ZSTD(1)),
    country      LowCardinality(String)           CODEC(ZSTD(1)),
    city         LowCardinality(String)           CODEC(ZSTD(1)),
    lat          Float64                          CODEC(ZSTD(3)),
    lon          Float64                          CODEC(ZSTD(3)),
    asn          UInt32                           CODEC(ZSTD(1)),
    as_org       LowCardinality(String)           CODEC(ZSTD(1)),
    signatures   Array(LowCardinality(String))    CODEC(ZSTD(1)),
    attack_score Float64                          CODEC(ZSTD(1)),
    ingested_at  DateTime64(9, 'UTC')             CODEC(GCD, Delta, ZSTD(1)),

    INDEX by_user       user        TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_client_ip  client_ip   TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_session    session     TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_request_id request_id  TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_time       time        TYPE minmax GRANULARITY 1,
    INDEX by_ingested   ingested_at TYPE minmax GRANULARITY 1,
    INDEX by_position   position    TYPE minmax GRANULARITY 1,

    PROJECTION positions
    (
        SELECT source, generation, max(position), count(), max(ingested_at)
        GROUP BY source, generation
    )
)
ENGINE = {{.Engine "MergeTree"}}
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (service, route, time, source, generation, position)
SETTINGS non_replicated_deduplication_window = 10000,
         min_bytes_for_wide_part = 33554432,
         auto_statistics_types = '';
