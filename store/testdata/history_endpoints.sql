SELECT sipHash64(route) + 3 * sipHash64(method) + 5 * sipHash64(service), service, method, route, toUnixTimestamp(minute), toUInt32(requests), toUInt32(client_errors),
  toUInt32(server_errors)
FROM endpoint_minutes WHERE minute >= {p0:DateTime('UTC')} AND minute < {p1:DateTime('UTC')}
ORDER BY service, route, method, minute
-- p0 = 2026-02-15 00:00:00
-- p1 = 2026-03-15 00:00:00
