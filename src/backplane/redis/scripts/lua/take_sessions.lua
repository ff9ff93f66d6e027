-- Removes sessions of a node that died, and returns what the store had of them. Only one node receives each of them.
-- KEYS     as leave_sessions.lua
-- ARGV[1]  node
-- ARGV[2]  the step ends once it returns more bytes of testaments
-- ARGV[3…] for each session: its id, the place of its realm in KEYS
-- Returns  for each session that was removed, from the first: its row and its testaments, each nil when there is none.
-- O(sessions given). Repeating it returns nil for those that were removed before.

-- include shared/session.lua

local max_bytes, bytes = tonumber(ARGV[2]), 0
local taken = {}
for at = 3, #ARGV, 2 do
  local session, place = ARGV[at], tonumber(ARGV[at + 1])
  local testaments = redis.call('HGET', KEYS[3], session)
  taken[#taken + 1] = redis.call('HGET', KEYS[place], session)
  taken[#taken + 1] = testaments
  remove_session(ARGV[1], session, place)
  redis.call('HDEL', KEYS[3], session)
  bytes = bytes + (testaments and #testaments or 0)
  if bytes > max_bytes then
    break
  end
end
return taken
