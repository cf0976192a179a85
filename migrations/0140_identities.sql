-- Identities that are stored under pseudonyms, each sealed for the owner's reveal key: nobody else can read box.
CREATE TABLE IF NOT EXISTS identities{{.OnCluster}}
(
    pseudonym String                 CODEC(ZSTD(1)),
    kind      LowCardinality(String),
    box       String                 CODEC(NONE),
    sealed_at DateTime64(3, 'UTC')   CODEC(ZSTD(1))
)
ENGINE = {{.Engine "ReplacingMergeTree" "sealed_at"}}
ORDER BY pseudonym
SETTINGS auto_statistics_types = '';
