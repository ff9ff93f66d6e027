-- Notes that everything a node wants in a realm is in Redis: what the others kept of it besides has ended.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm   <prefix>:{r:<realm>}:changes
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: Redis may have lost its data
-- Returns  'done', the realm's new version, every node that serves it; or 'not-serving': the node does not serve it.
-- O(nodes). Repeating it makes another version, nothing else.

-- include shared/change.lua

local node, floor = ARGV[1], tonumber(ARGV[2])
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'not-serving' }
end
local version = next_version(floor)
redis.call('HSET', KEYS[2], node, cmsgpack.pack({ 1, 'complete' }))
publish(version, node, 'complete', node)
return { 'done', version, unpack(redis.call('HKEYS', KEYS[2])) }
