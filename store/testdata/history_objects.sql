SELECT sipHash64(route) + 3 * sipHash64(method) + 5 * sipHash64(service), service, method, route, user, client_ip, toUnixTimestamp(hour), CAST(objects AS String)
FROM object_hours WHERE hour >= {p0:DateTime('UTC')} AND hour < {p1:DateTime('UTC')}
ORDER BY service, route, method, user, client_ip
-- p0 = 2026-02-15 00:00:00
-- p1 = 2026-03-15 00:00:00
