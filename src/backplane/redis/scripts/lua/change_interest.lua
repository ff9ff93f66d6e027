-- Changes in which topics of a realm a node has subscribers.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm   <prefix>:{r:<realm>}:changes
-- KEYS[4]  interest of the node   <prefix>:{r:<realm>}:interest:<node>
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: Redis may have lost its data
-- ARGV[3]  node that waits for confirmations, or ''
-- ARGV[4]  count of topics it wants from now on
-- ARGV[5…] these, then those it wants no more; each `<match> <topic>`
-- Returns  'done', the realm's new version, every node that serves it; or 'not-serving': the node does not serve it.
-- O(topics given + nodes). Repeating it makes another version, nothing else.

-- include shared/change.lua

local node, floor, asker = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'not-serving' }
end

local last_added = 4 + tonumber(ARGV[4])
local added, removed = { unpack(ARGV, 5, last_added) }, { unpack(ARGV, last_added + 1) }
if #added > 0 then
  redis.call('SADD', KEYS[4], unpack(added))
end
if #removed > 0 then
  redis.call('SREM', KEYS[4], unpack(removed))
end
local version = next_version(floor)
publish(version, asker, 'interest', node, added, removed)
return { 'done', version, unpack(redis.call('HKEYS', KEYS[2])) }
