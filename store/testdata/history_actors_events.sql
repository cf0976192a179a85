SELECT user, client_ip, toUnixTimestamp(hour), toUInt32(requests), toInt64(bytes_out), CAST(traits AS Array(UInt64))
FROM (SELECT user, if(user = '', events.client_ip, toIPv6('::')) AS client_ip, toStartOfHour(time) AS hour,
  count() AS requests, sumIf(bytes_out, bytes_out > 0) AS bytes_out, groupUniqArrayArray([if(user != '' OR NOT is_bot, bitShiftLeft(toUInt64(1), 56) + if(user_agent = '', 0, toUInt32(cityHash64(user_agent))), 0),
    if(user != '' AND status > 0 AND status < 400 AND route != '', bitShiftLeft(toUInt64(2), 56) + toUInt32(cityHash64(route)), 0),
    if(user != '' AND status > 0 AND status < 400 AND asn != 0, bitShiftLeft(toUInt64(3), 56) + asn, 0),
    if(user != '' AND status > 0 AND status < 400 AND country != '',
      bitShiftLeft(toUInt64(4), 56) + reinterpretAsUInt64(substring(country, 1, 7)), 0)]) AS traits
FROM events
WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')} AND (user != '' OR events.client_ip != toIPv6('::')) AND cityHash64(user, if(user = '', events.client_ip, toIPv6('::'))) % 3 = 1
GROUP BY user, client_ip, hour)
ORDER BY user, client_ip
-- p0 = 2026-02-15 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
-- p2 = 2026-03-15 01:00:00.000000000
