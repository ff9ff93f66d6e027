-- Stores a value that expires, in place of an older one.
-- KEYS[1]  value        <prefix>:{r:<realm>}:expiring:<kind>:<digest>
-- ARGV[1]  the value in MessagePack
-- ARGV[2]  its time to live in ms
-- Returns  1.
-- O(1). Repeating it changes only when the time to live begins.

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
