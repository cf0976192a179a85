-- Fills endpoint_days from every inserted block of events.
CREATE MATERIALIZED VIEW IF NOT EXISTS endpoint_days_fill{{.OnCluster}} TO endpoint_days AS
SELECT
    service,
    method,
    route,
    toDate32(time, 'UTC')                              AS day,
    status,
    multiIf(auth_scheme != '', auth_scheme, user != '', 'user', session != '', 'session', 'anonymous') AS identity,
    tls_version,
    scheme,
    count()                                            AS requests,
    toDateTime64(min(time), 3, 'UTC')                  AS first_seen,
    toDateTime64(max(time), 3, 'UTC')                  AS last_seen
FROM events
WHERE method != '' AND route NOT IN ('', '*', '{other}')
GROUP BY service, method, route, day, status, identity, tls_version, scheme;
