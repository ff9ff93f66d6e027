-- Changes in which topics of a realm a node has subscribers.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm   <prefix>:{r:<realm>}:changes
-- KEYS[4]  interest of the node   <prefix>:{r:<realm>}:interest:<node>
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: Redis may have lost its data
-- ARGV[3]  node that waits for confirmations, or ''
-- ARGV[4]  count of topics it wants from now on
-- ARGV[5…] these, each `<match> <topic>` and since when the cluster wants it in ms since 1970, '' if it did not; then those that
--          it wants no more, each with the session that was the last to want it, or ''
-- Returns  'done', the realm's new version, every node that serves it; or 'not-serving': the node does not serve it.
-- O(topics given + nodes). Repeating it makes another version, nothing else.

-- include shared/change.lua
-- include shared/clock.lua

local node, floor, asker = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'not-serving' }
end

local last_added = 4 + 2 * tonumber(ARGV[4])
local added, times, rows, removed, leavers = {}, {}, {}, {}, {}
for at = 5, last_added, 2 do
  local member = ARGV[at]
  local created = tonumber(ARGV[at + 1]) or tonumber(redis.call('HGET', KEYS[4], member) or nil) or server_now()
  added[#added + 1], times[#times + 1] = member, created
  rows[#rows + 1] = member
  rows[#rows + 1] = string.format('%.0f', created)
end
for at = last_added + 1, #ARGV, 2 do
  removed[#removed + 1], leavers[#leavers + 1] = ARGV[at], tonumber(ARGV[at + 1]) or 0
end
if #rows > 0 then
  redis.call('HSET', KEYS[4], unpack(rows))
end
if #removed > 0 then
  redis.call('HDEL', KEYS[4], unpack(removed))
end
local version = next_version(floor)
publish(version, asker, 'interest', node, added, removed, times, leavers)
return { 'done', version, unpack(redis.call('HKEYS', KEYS[2])) }
