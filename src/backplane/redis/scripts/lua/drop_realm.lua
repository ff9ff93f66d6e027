-- Takes back the note that a node may have rows in a realm: it has none there any more.
-- KEYS[1]  realms of the node   <prefix>:{nodes}:realms:<node>
-- ARGV[1]  realm
-- Returns  1 when it was noted, else 0.
-- O(1). Safe to repeat.

return redis.call('SREM', KEYS[1], ARGV[1])
