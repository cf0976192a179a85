SELECT sipHash64(route) + 3 * sipHash64(method) + 5 * sipHash64(service), service, method, route, toUnixTimestamp(minute), toUInt32(requests), toUInt32(client_errors),
  toUInt32(server_errors)
FROM (SELECT service, method, route, toStartOfMinute(time) AS minute, count() AS requests,
  countIf(status >= 400 AND status < 500) AS client_errors, countIf(status >= 500 AND status < 600) AS server_errors
FROM events
WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')}
GROUP BY service, method, route, minute)
ORDER BY service, route, method, minute
-- p0 = 2026-02-15 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
-- p2 = 2026-03-15 01:00:00.000000000
