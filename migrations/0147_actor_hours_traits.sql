-- What was seen of each user, or client, within an hour, as one set, from which baselines learn habits, countries and networks.
-- Filled since 0148.
--
-- A trait's highest byte says what it is: 1 a user agent (the lower 32 bits of its cityHash64; 0 for none; of clients only if
-- they were no declared crawlers), 2 a route (the same), 3 an autonomous system, 4 a country (its letters, the first one
-- lowest); the last three of users' requests with status 1 to 399. 0 is nothing.
--
-- known is how many of the requests the traits were taken from: of those that were stored before 0148 ran none. While there
-- are such in its window, a history is read from the events.
ALTER TABLE actor_hours{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS known  SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS traits SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)) CODEC(ZSTD(1));
