SELECT toFloat64(uniqExactIf(object_ids, notEmpty(object_ids))) AS value
FROM events
WHERE user = {p0:String}
-- p0 = "u"
