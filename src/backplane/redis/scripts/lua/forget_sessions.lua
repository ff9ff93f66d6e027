-- Takes sessions of a node out, any of them, until none is left.
-- KEYS[1]  session ids             <prefix>:{sessions}:ids
-- KEYS[2]  sessions of the node    <prefix>:{sessions}:of:<node>
-- ARGV[1]  node
-- ARGV[2]  sessions per call at most
-- Returns  how many are left.
-- O(sessions per call). Safe to repeat.

local node = ARGV[1]
for _, session in ipairs(redis.call('HRANDFIELD', KEYS[2], ARGV[2])) do
  redis.call('HDEL', KEYS[2], session)
  if redis.call('HGET', KEYS[1], session) == node then
    redis.call('HDEL', KEYS[1], session)
  end
end
return redis.call('HLEN', KEYS[2])
