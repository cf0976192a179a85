SELECT toFloat64(count()) AS value
FROM events
WHERE time > {p0:DateTime64(9, 'UTC')}
  AND time <= {p1:DateTime64(9, 'UTC')}
  AND (time, source, generation, position) <= ({p2:DateTime64(9, 'UTC')}, {p3:String}, {p4:UInt64}, {p5:UInt64})
-- p0 = "2026-03-01 12:00:00.000000123"
-- p1 = "2026-03-01 12:01:00.000000123"
-- p2 = "2026-03-01 12:01:00.000000123"
-- p3 = "a.log"
-- p4 = "7"
-- p5 = "9223372036854775808"
