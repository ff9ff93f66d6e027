-- Says that everything a node wants in a realm is in the store: what the others kept of it besides has ended.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm   <prefix>:{r:<realm>}:changes
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: the store may have lost its data
-- Returns  'done', the realm's new version, every node that serves it; or 'stranger': the node does not serve it.
-- O(nodes). Repeating it makes another version, nothing else.

local channel, node, floor = KEYS[3], ARGV[1], tonumber(ARGV[2])
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'stranger' }
end
local version = math.max(tonumber(redis.call('GET', KEYS[1])) or 0, floor) + 1
redis.call('SET', KEYS[1], string.format('%.0f', version))
redis.call('HSET', KEYS[2], node, '1 whole')
redis.call('PUBLISH', channel, string.format('1 %.0f %s ["whole","%s"]', version, node, node))
return { 'done', version, unpack(redis.call('HKEYS', KEYS[2])) }
