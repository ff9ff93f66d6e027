-- Reads the rows of some sessions.
-- KEYS     rows of each realm       <prefix>:{s:<remainder>}:in:<realm>
-- ARGV     for each session: its id, the place of its realm in KEYS
-- Returns  for each its row, as in join_sessions.lua; or nil when there is none.
-- O(sessions given). Reads only.

local rows = {}
for at = 1, #ARGV, 2 do
  rows[#rows + 1] = redis.call('HGET', KEYS[tonumber(ARGV[at + 1])], ARGV[at])
end
return rows
