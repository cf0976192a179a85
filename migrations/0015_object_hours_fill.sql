-- Fills object_hours from every inserted block of events.
CREATE MATERIALIZED VIEW IF NOT EXISTS object_hours_fill{{.OnCluster}} TO object_hours AS
SELECT
    service,
    method,
    route,
    user,
    if(user = '', events.client_ip, toIPv6('::')) AS client_ip,
    toStartOfHour(time)                           AS hour,
    count()                                       AS requests,
    uniqState(object_ids)                         AS objects
FROM events
WHERE notEmpty(object_ids) AND status >= 200 AND status < 300
  AND (user != '' OR events.client_ip != toIPv6('::') AND NOT is_bot)
GROUP BY service, method, route, user, client_ip, hour;
