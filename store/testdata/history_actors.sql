SELECT user, client_ip, groupArray(toUnixTimestamp(hour)), groupArray(toUInt32(requests)), groupArray(toInt64(bytes_out)),
  groupArray(toUInt32(length(traits))), groupArrayArray(traits)
FROM actor_hours WHERE hour >= {p0:DateTime('UTC')} AND hour < {p1:DateTime('UTC')}
GROUP BY user, client_ip
SETTINGS optimize_aggregation_in_order = 1
-- p0 = 2026-02-15 00:00:00
-- p1 = 2026-03-15 00:00:00
