SELECT service, method, route, user, client_ip, groupArray(toUnixTimestamp(hour)), groupArray(CAST(objects AS String))
FROM object_hours WHERE hour >= {p0:DateTime('UTC')} AND hour < {p1:DateTime('UTC')}
GROUP BY service, method, route, user, client_ip
SETTINGS optimize_aggregation_in_order = 1
-- p0 = 2026-02-15 00:00:00
-- p1 = 2026-03-15 00:00:00
