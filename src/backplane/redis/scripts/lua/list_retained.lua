-- Lists topics with retained events, those with the newest first.
-- KEYS[1]  order: see shared/retained.lua
-- ARGV[1]  only topics below this place, or +inf
-- ARGV[2]  topics at most
-- Returns  { topic, place, topic, place … }. Topics whose events have expired may be among them.
-- O(log topics + those returned).

return redis.call('ZREVRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '-inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
