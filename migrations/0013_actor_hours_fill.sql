-- Fills actor_hours from every inserted block of events; requests without a user and without an address are nobody's.
CREATE MATERIALIZED VIEW IF NOT EXISTS actor_hours_fill{{.OnCluster}} TO actor_hours AS
SELECT
    user,
    if(user = '', events.client_ip, toIPv6('::'))      AS client_ip,
    toStartOfHour(time)                                AS hour,
    count()                                            AS requests,
    countIf(status >= 400)                             AS failures,
    sumIf(bytes_out, bytes_out > 0)                    AS bytes_out
FROM events
WHERE user != '' OR events.client_ip != toIPv6('::')
GROUP BY user, client_ip, hour;
