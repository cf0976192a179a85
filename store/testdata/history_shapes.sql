SELECT endpoint, arrayMap(h -> h.1, series), arrayMap(h -> h.2, series), arrayMap(h -> h.3, series),
  arrayMap(h -> h.4, series), arrayMap(h -> h.5, series), arrayMap(h -> h.6, series), arrayMap(h -> h.7, series)
FROM
(
  SELECT endpoint, arraySort(groupArray((hour, n, anonymous, timed, duration, sized, size))) AS series
  FROM
  (
    SELECT sipHash64(route) + 3 * sipHash64(method) + 5 * sipHash64(service) AS endpoint, toUInt32(intDiv(toUnixTimestamp(time), 3600)) AS hour,
      toUInt32(count()) AS n, toUInt32(countIf(user = '' AND session = '' AND auth_scheme = '')) AS anonymous,
      toUInt32(countIf(duration_ms >= 0)) AS timed, reinterpretAsFloat32(bitAnd(reinterpretAsUInt32(ifNotFinite(quantileExactLowIf(0.5)(toFloat32(toFloat64(duration_ms)), duration_ms >= 0), toFloat32(0))), 4294901760)) AS duration,
      toUInt32(countIf(bytes_out >= 0)) AS sized, reinterpretAsFloat32(bitAnd(reinterpretAsUInt32(ifNotFinite(quantileExactLowIf(0.5)(toFloat32(toFloat64(bytes_out)), bytes_out >= 0), toFloat32(0))), 4294901760)) AS size
    FROM events
    WHERE time >= {p0:DateTime64(9, 'UTC')} AND time < {p1:DateTime64(9, 'UTC')} AND ingested_at <= {p2:DateTime64(9, 'UTC')} AND status >= 200 AND status < 300 AND route != ''
    GROUP BY endpoint, hour
  )
  GROUP BY endpoint
)
-- p0 = 2026-02-15 00:00:00.000000000
-- p1 = 2026-03-15 00:00:00.000000000
-- p2 = 2026-03-15 01:00:00.000000000
