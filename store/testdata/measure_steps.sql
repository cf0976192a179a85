SELECT toFloat64((countIf((has(signatures, {p2:String}) AND client_ip = {p3:IPv6})) > 0) + (countIf((has(signatures, {p4:String}))) > 0)) AS value
FROM events
WHERE time > {p0:DateTime64(9, 'UTC')}
  AND time <= {p1:DateTime64(9, 'UTC')}
  AND ((has(signatures, {p2:String}) AND client_ip = {p3:IPv6}) OR (has(signatures, {p4:String})))
-- p0 = "2026-03-01 12:00:00.000000123"
-- p1 = "2026-03-01 12:01:00.000000123"
-- p2 = "login-refused"
-- p3 = "::ffff:203.0.113.9"
-- p4 = "login-accepted"
