-- Removes sessions of one node; those that it does not have are left alone.
-- KEYS     as join_sessions.lua
-- ARGV[1]  node
-- ARGV[2…] for each session: its id, the place of its realm in KEYS
-- Returns  how many left.
-- O(sessions given). Safe to repeat.

-- include shared/session.lua

local count = 0
for at = 2, #ARGV, 2 do
  if remove_session(ARGV[1], ARGV[at], tonumber(ARGV[at + 1])) then
    count = count + 1
  end
end
return count
