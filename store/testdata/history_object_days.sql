SELECT service, method, route, user, client_ip, arrayMap(h -> h.1, series), arrayMap(h -> h.2, series)
FROM
(
  SELECT service, method, route, user, client_ip, arraySort(groupArray((h, n))) AS series
  FROM
  (
    SELECT service, method, route, user, client_ip, toUInt32(intDiv(toUnixTimestamp(hour), 86400) * 24) AS h,
      toUInt32(uniqMerge(objects)) AS n
    FROM object_hours WHERE hour >= {p0:DateTime('UTC')} AND hour < {p1:DateTime('UTC')}
    GROUP BY service, method, route, user, client_ip, h
  )
  GROUP BY service, method, route, user, client_ip
)
-- p0 = 2026-02-15 00:00:00
-- p1 = 2026-03-15 00:00:00
