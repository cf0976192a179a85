SELECT service, method, route,
  arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series), arrayMap(h -> h.4, series),
  arrayMap(h -> h.5, series), arrayMap(h -> h.6, series)
FROM
(
  SELECT service, method, route, arraySort(groupArray((hour, requests, client, server, peak, trough))) AS series
  FROM
  (
    SELECT service, method, route, toUInt32(intDiv(slot, 12)) AS hour,
      toUInt32(sum(n)) AS requests, toUInt32(sum(c)) AS client, toUInt32(sum(e)) AS server,
      toUInt32(max(n)) AS peak, toUInt32(if(count() = 12, min(n), 0)) AS trough
    FROM
    (
      SELECT service, method, route, intDiv(toUnixTimestamp(minute), 300) AS slot,
        sum(requests) AS n, sum(client_errors) AS c, sum(server_errors) AS e
      FROM (SELECT service, method, route, toStartOfMinute(time) AS minute, count() AS requests,
  countIf(status >= 400 AND status < 500) AS client_errors, countIf(status >= 500 AND status < 600) AS server_errors
FROM events
WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')}
GROUP BY service, method, route, minute)
      GROUP BY service, method, route, slot
    )
    GROUP BY service, method, route, hour
  )
  GROUP BY service, method, route
)
ORDER BY service, route, method
-- p0 = 2026-02-15 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
-- p2 = 2026-03-15 01:00:00.000000000
