SELECT service, method, route, arrayMap(m -> m.1, members), arrayMap(m -> m.2, members), arrayMap(m -> m.3, members)
FROM
(
  SELECT service, route, method, arraySort(groupArray((user, first, n))) AS members
  FROM
  (
    SELECT service, route, method, user, toUInt32(intDiv(min(toUnixTimestamp(time)), 3600)) AS first, count() AS n
    FROM events
    WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')} AND status >= 200 AND status < 300 AND route != '' AND user != ''
      AND (service, route, method) IN
      (
        SELECT service, route, method
        FROM events
        WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')} AND status >= 200 AND status < 300 AND route != '' AND user != ''
        GROUP BY service, route, method
        HAVING uniqUpTo(50)(user) <= 50
      )
    GROUP BY service, route, method, user
  )
  GROUP BY service, route, method
  HAVING count() <= 50
)
ORDER BY service, route, method
-- p0 = 2026-02-15 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
-- p2 = 2026-03-15 01:00:00.000000000
