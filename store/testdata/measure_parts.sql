SELECT toFloat64(((SELECT toFloat64(count()) AS value
FROM events
WHERE time >= {m0_p0:DateTime64(9, 'UTC')}
  AND time < {m0_p1:DateTime64(9, 'UTC')}
  AND has(signatures, {m0_p2:String})
  AND client_ip = {m0_p3:IPv6}) >= {m0:Float64})
  + ((SELECT toFloat64((countIf((has(signatures, {m1_p0:String}) AND client_ip = {m1_p1:IPv6})) > 0) + (countIf((has(signatures, {m1_p2:String}))) > 0)) AS value
FROM events
WHERE ((has(signatures, {m1_p0:String}) AND client_ip = {m1_p1:IPv6}) OR (has(signatures, {m1_p2:String})))) >= {m1:Float64})) AS value
-- m0 = "10"
-- m1 = "2"
-- m0_p0 = "2026-03-01 12:00:00.000000123"
-- m0_p1 = "2026-03-01 12:01:00.000000123"
-- m0_p2 = "login-refused"
-- m0_p3 = "::ffff:203.0.113.9"
-- m1_p0 = "login-refused"
-- m1_p1 = "::ffff:203.0.113.9"
-- m1_p2 = "login-accepted"
