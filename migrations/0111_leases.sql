-- Who may run what only one server may run at a time. A lease is taken by inserting its next term under a deduplication
-- token made of name and term: of two servers that do so at once, one block is dropped. Later rows of a term (seq above 0)
-- prolong it; it is over at the newest row's ends_at.
CREATE TABLE IF NOT EXISTS leases{{.OnCluster}}
(
    name    LowCardinality(String),
    term    UInt64,
    seq     UInt64,
    holder  String,
    ends_at DateTime64(9, 'UTC')
)
ENGINE = {{.Engine "MergeTree"}}
ORDER BY (name, term, seq)
SETTINGS non_replicated_deduplication_window = 10000,
         auto_statistics_types = '';
