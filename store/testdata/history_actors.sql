SELECT user, client_ip, toUnixTimestamp(hour), toUInt32(requests), toInt64(bytes_out), CAST(traits AS Array(UInt64))
FROM actor_hours WHERE hour >= {p0:DateTime('UTC')} AND hour < {p1:DateTime('UTC')}
ORDER BY user, client_ip
-- p0 = 2026-02-15 00:00:00
-- p1 = 2026-03-15 00:00:00
