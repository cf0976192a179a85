SELECT if(countIf(duration_ms >= 0) = 0, 0, toFloat64(sumIf(toInt64(round(duration_ms * 1000000)), duration_ms >= 0)) / 1000000 / countIf(duration_ms >= 0)) AS value
FROM events
