SELECT toFloat64(count()) AS value
FROM events
WHERE (bytes_out < {p0:Float64} AND bytes_out >= 0)
  AND (duration_ms >= {p1:Float64} AND duration_ms >= 0)
  AND NOT ((status = {p2:Float64} AND status != 0))
  AND is_bot = {p3:Bool}
  AND has(signatures, {p4:String})
  AND lat < {p5:Float64}
-- p0 = "1000"
-- p1 = "0.5"
-- p2 = "200"
-- p3 = "true"
-- p4 = "sqli"
-- p5 = "-1.5"
