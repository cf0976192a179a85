-- How far each channel of notifications has looked through the incidents' changes: versioned rows, the highest version of a
-- channel wins. body is JSON.
CREATE TABLE IF NOT EXISTS notification_places{{.OnCluster}}
(
    channel String,
    version UInt64,
    body    String
)
ENGINE = {{.Engine "ReplacingMergeTree" "version"}}
ORDER BY channel
SETTINGS auto_statistics_types = '';
