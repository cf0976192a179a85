SELECT service, method, route, arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series), arrayMap(h -> h.4, series)
FROM
(
  SELECT service, method, route, arraySort(groupArray((at, users, clients, most))) AS series
  FROM
  (
    SELECT service, method, route, at, toUInt32(uniqIfMerge(names)) AS users, toUInt32(count()) AS clients, toUInt32(max(tries)) AS most
    FROM
    (
      SELECT service, method, route, client_ip, toUInt32(intDiv(toUnixTimestamp(hour), 3600) * 1) AS at,
        uniqIfState(user, user != '') AS names, sum(requests) AS tries
      FROM refusals WHERE hour >= {p0:DateTime('UTC')} AND hour < {p1:DateTime('UTC')}
      GROUP BY service, method, route, client_ip, at
    )
    GROUP BY service, method, route, at
  )
  GROUP BY service, method, route
)
ORDER BY service, route, method
-- p0 = 2026-02-15 00:00:00
-- p1 = 2026-03-15 00:00:00
