-- Fills endpoint_minutes from every inserted block of events.
CREATE MATERIALIZED VIEW IF NOT EXISTS endpoint_minutes_fill{{.OnCluster}} TO endpoint_minutes AS
SELECT
    service,
    method,
    route,
    toStartOfMinute(time)                                          AS minute,
    count()                                                        AS requests,
    countIf(status >= 400 AND status < 500)                        AS client_errors,
    countIf(status >= 500 AND status < 600)                        AS server_errors,
    sumIf(bytes_out, bytes_out > 0)                                AS bytes_out
FROM events
GROUP BY service, method, route, minute;
