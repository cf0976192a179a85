SELECT service, method, route, sipHash64(route) + 3 * sipHash64(method) + 5 * sipHash64(service), groupArray(toUnixTimestamp(minute)), groupArray(toUInt32(requests)),
  groupArray(toUInt32(client_errors)), groupArray(toUInt32(server_errors))
FROM endpoint_minutes WHERE minute >= {p0:DateTime('UTC')} AND minute < {p1:DateTime('UTC')}
GROUP BY service, method, route
SETTINGS optimize_aggregation_in_order = 1
-- p0 = 2026-02-15 00:00:00
-- p1 = 2026-03-15 00:00:00
