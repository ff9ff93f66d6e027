-- Stores the testaments of a session beside its row, in place of the earlier ones.
-- KEYS[1]  session ids              <prefix>:{s:<remainder>}:ids
-- KEYS[2]  testaments of the node   <prefix>:{s:<remainder>}:testaments:<node>
-- ARGV[1]  node
-- ARGV[2]  session
-- ARGV[3]  MessagePack list: { 1, { the testaments, each opaque bytes, in the order in which they were added } }; '' removes them
-- Returns  1, or 0 when the node does not have the session: nothing is stored.
-- O(1). Safe to repeat.

if ARGV[3] == '' then
  redis.call('HDEL', KEYS[2], ARGV[2])
  return 1
end
if redis.call('HGET', KEYS[1], ARGV[2]) ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
