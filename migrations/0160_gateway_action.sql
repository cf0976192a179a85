-- What the gateway says it did about the request beside answering it: waf_block, rate_limit ... (docs/schema.md); empty when
-- its log says nothing of the kind.
ALTER TABLE events{{.OnCluster}} ADD COLUMN IF NOT EXISTS gateway_action LowCardinality(String) CODEC(ZSTD(1)) AFTER upstream;
