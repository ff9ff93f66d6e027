-- Takes sessions of one node out; those that it has not are left alone.
-- KEYS[1]  session ids             <prefix>:{sessions}:ids
-- KEYS[2]  sessions of the node    <prefix>:{sessions}:of:<node>
-- ARGV[1]  node
-- ARGV[2…] session ids
-- Returns  how many left.
-- O(sessions given). Safe to repeat.

local node, count = ARGV[1], 0
for at = 2, #ARGV do
  local session = ARGV[at]
  redis.call('HDEL', KEYS[2], session)
  if redis.call('HGET', KEYS[1], session) == node then
    redis.call('HDEL', KEYS[1], session)
    count = count + 1
  end
end
return count
