-- Fills refusals from every inserted block of events.
CREATE MATERIALIZED VIEW IF NOT EXISTS refusals_fill{{.OnCluster}} TO refusals AS
SELECT
    service,
    method,
    route,
    toStartOfHour(time) AS hour,
    client_ip,
    user,
    count()             AS requests
FROM events
WHERE route != '' AND (status = 401 OR status = 403 AND position(route, '{') = 0)
GROUP BY service, method, route, hour, client_ip, user;
