-- Fills endpoint_callers from every inserted block of events; requests without a user and without an address are nobody's.
CREATE MATERIALIZED VIEW IF NOT EXISTS endpoint_callers_fill{{.OnCluster}} TO endpoint_callers AS
SELECT
    service,
    method,
    route,
    toDate32(time, 'UTC')                              AS day,
    user,
    if(user = '', events.client_ip, toIPv6('::'))      AS client_ip,
    count()                                            AS requests,
    countIf(status >= 200 AND status < 300)            AS successes,
    countIf(status IN (401, 403))                      AS refused,
    countIf(status >= 400)                             AS failures,
    sumIf(bytes_out, bytes_out > 0)                    AS bytes_out,
    toDateTime64(min(time), 3, 'UTC')                  AS first_seen,
    toDateTime64(max(time), 3, 'UTC')                  AS last_seen
FROM events
WHERE method != '' AND route NOT IN ('', '*', '{other}') AND (user != '' OR events.client_ip != toIPv6('::'))
GROUP BY service, method, route, day, user, client_ip;
