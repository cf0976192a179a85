SELECT toFloat64(count()) AS value
FROM events
WHERE time >= {p0:DateTime64(9, 'UTC')}
  AND time < {p1:DateTime64(9, 'UTC')}
  AND ingested_at <= {p2:DateTime64(9, 'UTC')}
  AND client_ip = {p3:IPv6}
  AND (status >= {p4:Float64} AND status != 0)
  AND path = {p5:String}
-- p0 = "2026-03-01 12:00:00.000000123"
-- p1 = "2026-03-01 12:01:00.000000123"
-- p2 = "2026-03-01 12:01:01.000000123"
-- p3 = "::ffff:203.0.113.9"
-- p4 = "400"
-- p5 = "/it's \"\\x\""
