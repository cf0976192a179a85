SELECT toFloat64(sumIf(bytes_out, bytes_out >= 0)) AS value
FROM events
