-- Enters sessions of one node, each unless its id is taken somewhere in the cluster (SES-2).
-- KEYS[1]  session ids             <prefix>:{s:<remainder>}:ids
-- KEYS[2]  sessions of the node    <prefix>:{s:<remainder>}:of:<node>
-- KEYS[3…] for each realm          <prefix>:{s:<remainder>}:in:<realm> and <prefix>:{s:<remainder>}:roles:<realm>
-- ARGV[1]  node
-- ARGV[2]  'join': ids that this node has are taken too; 'rejoin': they are not
-- ARGV[3…] for each session: its id, the place of its realm in KEYS, the realm, its row
-- Returns  1 or 0 for each: entered, or taken.
-- O(sessions given). Repeating a join: taken; repeating a rejoin changes nothing.

-- include shared/session.lua

local node, is_rejoin = ARGV[1], ARGV[2] == 'rejoin'
local entered = {}
for at = 3, #ARGV, 4 do
  local session, place, row = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 3]
  local holder = redis.call('HGET', KEYS[1], session)
  local is_free = not holder or (is_rejoin and holder == node)
  if is_free then
    if holder then
      remove_session(node, session, place)
    end
    redis.call('HSET', KEYS[1], session, node)
    redis.call('HSET', KEYS[2], session, ARGV[at + 2])
    redis.call('HSET', KEYS[place], session, row)
    redis.call('HINCRBY', KEYS[place + 1], session_row(row)[ROLE], 1)
  end
  entered[#entered + 1] = is_free and 1 or 0
end
return entered
