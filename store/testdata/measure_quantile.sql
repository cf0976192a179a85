SELECT ifNotFinite(toFloat64(quantileExactInclusiveIf(0.95)(duration_ms, duration_ms >= 0)), 0) AS value
FROM events
