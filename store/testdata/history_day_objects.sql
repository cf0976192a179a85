SELECT service, method, route, user, if(user = '', events.client_ip, toIPv6('::')) AS client,
  toUInt32(intDiv(toUnixTimestamp(time), 3600)) AS hour, count(), min(time), groupUniqArray(object_ids)
FROM events
WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND notEmpty(object_ids) AND status >= 200 AND status < 300 AND (user != '' OR events.client_ip != toIPv6('::') AND NOT is_bot)
GROUP BY service, method, route, user, client, hour
ORDER BY hour, service, route, method, user, client
-- p0 = 2026-03-14 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
