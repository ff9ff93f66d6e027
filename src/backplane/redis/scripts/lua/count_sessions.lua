-- Counts the sessions of a realm.
-- KEYS[1]  rows of the realm           <prefix>:{s:<remainder>}:in:<realm>
-- KEYS[2]  its sessions by authrole    <prefix>:{s:<remainder>}:roles:<realm>
-- ARGV     authroles; none: sessions of every role
-- Returns  how many.
-- O(roles given). Reads only.

if #ARGV == 0 then
  return redis.call('HLEN', KEYS[1])
end
local count = 0
for _, role in ipairs(ARGV) do
  count = count + (tonumber(redis.call('HGET', KEYS[2], role)) or 0)
end
return count
