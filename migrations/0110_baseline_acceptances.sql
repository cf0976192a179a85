-- Lasting changes that people accepted as the new normal: what the next versions of the baselines are learned under. body is
-- JSON; rows are never changed.
CREATE TABLE IF NOT EXISTS baseline_acceptances{{.OnCluster}}
(
    id       String,
    body     String CODEC(ZSTD(3)),
    saved_at DateTime64(9, 'UTC') DEFAULT now64(9, 'UTC')
)
ENGINE = {{.Engine "ReplacingMergeTree" "saved_at"}}
ORDER BY id
SETTINGS auto_statistics_types = '';
