-- Enters sessions of one node, each unless its id is taken somewhere in the cluster (SES-2).
-- KEYS[1]  session ids             <prefix>:{sessions}:ids
-- KEYS[2]  sessions of the node    <prefix>:{sessions}:of:<node>
-- ARGV[1]  node
-- ARGV[2]  'join': ids that this node has are taken too; 'rejoin': they are not
-- ARGV[3…] session id and identity by turns
-- Returns  1 or 0 for each: entered, or taken.
-- O(sessions given). Repeating a join: taken; repeating a rejoin changes nothing.

local node, is_rejoin = ARGV[1], ARGV[2] == 'rejoin'
local entered = {}
for at = 3, #ARGV, 2 do
  local session = ARGV[at]
  local is_free = redis.call('HSETNX', KEYS[1], session, node) == 1
  if not is_free and is_rejoin then
    is_free = redis.call('HGET', KEYS[1], session) == node
  end
  if is_free then
    redis.call('HSET', KEYS[2], session, ARGV[at + 1])
  end
  entered[#entered + 1] = is_free and 1 or 0
end
return entered
