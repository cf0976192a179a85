-- Fills actor_hours, the traits of 0147 included, from every inserted block of events.
ALTER TABLE actor_hours_fill{{.OnCluster}} MODIFY QUERY
WITH
    bitShiftLeft(toUInt64(1), 56) AS kind,
    user != '' AND status > 0 AND status < 400 AS served
SELECT
    user,
    if(user = '', events.client_ip, toIPv6('::'))      AS client_ip,
    toStartOfHour(time)                                AS hour,
    count()                                            AS requests,
    countIf(status >= 400)                             AS failures,
    sumIf(bytes_out, bytes_out > 0)                    AS bytes_out,
    count()                                            AS known,
    groupUniqArrayArray([
        if(user != '' OR NOT is_bot, kind + if(user_agent = '', 0, toUInt32(cityHash64(user_agent))), 0),
        if(served AND route != '', 2 * kind + toUInt32(cityHash64(route)), 0),
        if(served AND asn != 0, 3 * kind + asn, 0),
        if(served AND country != '', 4 * kind + reinterpretAsUInt64(substring(country, 1, 7)), 0)
    ])                                                 AS traits
FROM events
WHERE user != '' OR events.client_ip != toIPv6('::')
GROUP BY user, client_ip, hour;
