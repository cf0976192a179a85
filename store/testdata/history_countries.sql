SELECT user, arraySort(groupUniqArray(toString(country)))
FROM events
WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')} AND country != '' AND user != '' AND status > 0 AND status < 400
GROUP BY user
-- p0 = 2026-02-15 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
-- p2 = 2026-03-15 01:00:00.000000000
