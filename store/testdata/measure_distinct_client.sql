SELECT toFloat64(uniqExactIf(client_ip, client_ip != toIPv6('::'))) AS value
FROM events
