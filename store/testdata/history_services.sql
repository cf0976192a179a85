SELECT service,
  arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series), arrayMap(h -> h.4, series),
  arrayMap(h -> h.5, series), arrayMap(h -> h.6, series)
FROM
(
  SELECT service, arraySort(groupArray((hour, requests, client, server, peak, trough))) AS series
  FROM
  (
    SELECT service, toUInt32(intDiv(slot, 12)) AS hour,
      toUInt32(sum(n)) AS requests, toUInt32(sum(c)) AS client, toUInt32(sum(e)) AS server,
      toUInt32(max(n)) AS peak, toUInt32(if(count() = 12, min(n), 0)) AS trough
    FROM
    (
      SELECT service, intDiv(toUnixTimestamp(minute), 300) AS slot,
        sum(requests) AS n, sum(client_errors) AS c, sum(server_errors) AS e
      FROM endpoint_minutes WHERE minute >= {p0:DateTime('UTC')} AND minute < {p1:DateTime('UTC')}
      GROUP BY service, slot
    )
    GROUP BY service, hour
  )
  GROUP BY service
)
-- p0 = 2026-02-15 00:00:00
-- p1 = 2026-03-15 00:00:00
