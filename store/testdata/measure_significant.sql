SELECT ifNotFinite(toFloat64(quantileExactInclusiveIf(0.95)(reinterpretAsFloat64(bitAnd(reinterpretAsUInt64(toFloat64(duration_ms)), 18446673704965373952)), duration_ms >= 0)), 0) AS value
FROM events
