-- Removes the retained events of a topic.
-- KEYS[1]  rows, KEYS[2]  order, KEYS[3]  bytes: see shared/retained.lua
-- ARGV[1]  topic
-- Returns  1.
-- O(log topics). Repeating it changes nothing.
-- include shared/expiry.lua

local packed = redis.call('HGET', KEYS[1], ARGV[1])
if packed then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('DECRBY', KEYS[3], #packed + #ARGV[1])
end
end_together(KEYS[1], KEYS[2], KEYS[3])
return 1
