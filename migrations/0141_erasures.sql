-- Receipts of erasures: what was taken out, when and at whose request. subject is a keyed hash of the identity, so that who
-- knows the identity can find its receipt and nobody else learns it. Rows are never changed.
CREATE TABLE IF NOT EXISTS erasures{{.OnCluster}}
(
    finished_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    id          String,
    body        String CODEC(ZSTD(3))
)
ENGINE = {{.Engine "MergeTree"}}
ORDER BY (finished_at, id)
SETTINGS auto_statistics_types = '';
