SELECT user, client_ip, groupArray(toUnixTimestamp(hour)), groupArray(toUInt32(requests)), groupArray(toInt64(bytes_out))
FROM (SELECT user, if(user = '', events.client_ip, toIPv6('::')) AS client_ip, toStartOfHour(time) AS hour,
  count() AS requests, sumIf(bytes_out, bytes_out > 0) AS bytes_out
FROM events
WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')} AND (user != '' OR events.client_ip != toIPv6('::'))
GROUP BY user, client_ip, hour)
GROUP BY user, client_ip
SETTINGS optimize_aggregation_in_order = 1
-- p0 = 2026-02-15 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
-- p2 = 2026-03-15 01:00:00.000000000
