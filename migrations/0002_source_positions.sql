-- What was stored of each source before retention takes the events: copied from the events themselves by the store
-- (Store.SealPositions), never ahead of them. The largest position wins.
CREATE TABLE IF NOT EXISTS source_positions{{.OnCluster}}
(
    source      LowCardinality(String),
    generation  UInt64,
    position    SimpleAggregateFunction(max, UInt64),
    events      SimpleAggregateFunction(max, UInt64),
    ingested_at SimpleAggregateFunction(max, DateTime64(9, 'UTC'))
)
ENGINE = {{.Engine "AggregatingMergeTree"}}
ORDER BY (source, generation)
SETTINGS auto_statistics_types = '';
