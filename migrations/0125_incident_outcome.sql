-- Whether an attack succeeded, as far as the answers tell: refused, failed, unclear, likely_succeeded; empty for no attack.
ALTER TABLE incidents{{.OnCluster}} ADD COLUMN IF NOT EXISTS outcome LowCardinality(String) AFTER status;
