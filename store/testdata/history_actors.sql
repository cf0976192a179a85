SELECT user, client_ip, arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series)
FROM
(
  SELECT user, client_ip, arraySort(groupArray((h, n, kib))) AS series
  FROM
  (
    SELECT user, client_ip, toUInt32(intDiv(toUnixTimestamp(hour), 3600)) AS h, toUInt32(sum(requests)) AS n,
      toUInt32(least(intDiv(sum(bytes_out), 1024), 4294967295)) AS kib
    FROM actor_hours WHERE hour >= {p0:DateTime('UTC')} AND hour < {p1:DateTime('UTC')}
    GROUP BY user, client_ip, h
  )
  GROUP BY user, client_ip
)
-- p0 = 2026-02-15 00:00:00
-- p1 = 2026-03-15 00:00:00
