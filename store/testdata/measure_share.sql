SELECT if(count() = 0, 0, countIf((status >= {p1:Float64} AND status != 0) AND (status < {p2:Float64} AND status != 0)) / count()) AS value
FROM events
WHERE route = {p0:String}
-- p0 = "/orders/{id}"
-- p1 = "500"
-- p2 = "600"
