SELECT toFloat64(count()) AS value
FROM events
WHERE user != ''
  AND NOT (session != '')
  AND client_ip != toIPv6('::')
  AND NOT (bytes_in >= 0)
  AND notEmpty(object_ids)
