-- What requests under an idempotency key were answered: a repetition gets the same answer. body is JSON and holds no secret.
CREATE TABLE IF NOT EXISTS answers{{.OnCluster}}
(
    id   String,
    time DateTime64(3, 'UTC'),
    body String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "ReplacingMergeTree" "time"}}
ORDER BY id
TTL toDateTime(time) + INTERVAL 2 DAY
SETTINGS auto_statistics_types = '';
