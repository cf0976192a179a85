SELECT sipHash64(route) + 3 * sipHash64(method) + 5 * sipHash64(service), service, method, route, user, client_ip, toUnixTimestamp(hour), CAST(objects AS String)
FROM (SELECT service, method, route, user, if(user = '', events.client_ip, toIPv6('::')) AS client_ip,
  toStartOfHour(time) AS hour, uniqState(object_ids) AS objects
FROM events
WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')} AND notEmpty(object_ids) AND status >= 200 AND status < 300 AND (user != '' OR events.client_ip != toIPv6('::') AND NOT is_bot)
GROUP BY service, method, route, user, client_ip, hour)
ORDER BY service, route, method, user, client_ip
-- p0 = 2026-02-15 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
-- p2 = 2026-03-15 01:00:00.000000000
