-- Reads the callees of some procedures.
-- KEYS     callees of each procedure  <prefix>:{r:<realm>}:callees:<match>:<procedure>
-- ARGV[1]  callees per call at most
-- Returns  for each key a list of `<node> <session>` and row by turns, rows as in claim_procedure.lua; or nil when the limit
--          does not admit all of them: they are to be scanned.
-- O(procedures + callees returned). Reads only.

local left = tonumber(ARGV[1])
local reply = {}
for at, callees in ipairs(KEYS) do
  local count = redis.call('HLEN', callees)
  if count <= left then
    left = left - count
    reply[at] = redis.call('HGETALL', callees)
  else
    reply[at] = false
  end
end
return reply
