-- Counts the listeners of inboxes, for a node that watches some of the others. Reads no key.
-- ARGV     inboxes
-- Returns  the number of listeners of each; nothing, where the user may not ask.
-- O(inboxes). Safe to repeat.
-- Inboxes are arguments and not keys, as in begin_reap.lua.

if not redis.acl_check_cmd('PUBSUB', 'NUMSUB', unpack(ARGV)) then
  return {}
end
local counts = {}
for at, reply in ipairs(redis.call('PUBSUB', 'NUMSUB', unpack(ARGV))) do
  if at % 2 == 0 then
    counts[at / 2] = reply
  end
end
return counts
