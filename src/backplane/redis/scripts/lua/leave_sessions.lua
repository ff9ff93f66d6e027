-- Removes sessions of one node; those that it does not have are left alone.
-- KEYS[1]  session ids              <prefix>:{s:<remainder>}:ids
-- KEYS[2]  sessions of the node     <prefix>:{s:<remainder>}:of:<node>
-- KEYS[3]  testaments of the node   <prefix>:{s:<remainder>}:testaments:<node>
-- KEYS[4…] for each realm           <prefix>:{s:<remainder>}:in:<realm> and <prefix>:{s:<remainder>}:roles:<realm>
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
  redis.call('HDEL', KEYS[3], ARGV[at])
end
return count
