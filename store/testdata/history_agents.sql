SELECT endpoint, arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series)
FROM
(
  SELECT endpoint, arraySort(groupArray((hour, clients, top))) AS series
  FROM
  (
    SELECT endpoint, hour, toUInt32(uniqMerge(guests)) AS clients, toUInt32(max(finalizeAggregation(guests))) AS top
    FROM
    (
      SELECT sipHash64(route) + 3 * sipHash64(method) + 5 * sipHash64(service) AS endpoint, toUInt32(intDiv(toUnixTimestamp(time), 3600)) AS hour, sipHash64(user_agent) AS agent,
        uniqState(client_ip) AS guests
      FROM events
      WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')} AND route != '' AND user = '' AND NOT is_bot AND user_agent != '' AND client_ip != toIPv6('::') AND (service > {p3:String} OR service = {p3:String} AND route >= {p4:String}) AND (service < {p5:String} OR service = {p5:String} AND route < {p6:String})
      GROUP BY endpoint, hour, agent
    )
    GROUP BY endpoint, hour
  )
  GROUP BY endpoint
)
-- p0 = 2026-02-15 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
-- p2 = 2026-03-15 01:00:00.000000000
-- p3 = a
-- p4 = /x
-- p5 = b
-- p6 = /y
