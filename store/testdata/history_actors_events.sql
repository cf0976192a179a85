SELECT user, client_ip, arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series)
FROM
(
  SELECT user, client_ip, arraySort(groupArray((h, n, kib))) AS series
  FROM
  (
    SELECT user, client_ip, toUInt32(intDiv(toUnixTimestamp(hour), 3600)) AS h, toUInt32(sum(requests)) AS n,
      toUInt32(least(intDiv(sum(bytes_out), 1024), 4294967295)) AS kib
    FROM (SELECT user, if(user = '', events.client_ip, toIPv6('::')) AS client_ip, toStartOfHour(time) AS hour,
  count() AS requests, sumIf(bytes_out, bytes_out > 0) AS bytes_out
FROM events
WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')} AND (user != '' OR events.client_ip != toIPv6('::'))
GROUP BY user, client_ip, hour)
    GROUP BY user, client_ip, h
  )
  GROUP BY user, client_ip
)
-- p0 = 2026-02-15 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
-- p2 = 2026-03-15 01:00:00.000000000
