-- Enters a node among those that serve a realm: from now on the others wait for it, and it may write.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm   <prefix>:{r:<realm>}:changes
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: Redis may have lost its data
-- Returns  'entered', as loading, with the realm's version of it; 'known', with the realm's version: it was there.
--          Then 1 when Redis has lost versions that the node knows, else 0; then node and row by turns, as load_realm.lua.
-- O(nodes). Safe to repeat.

-- include shared/change.lua

local node, floor = ARGV[1], tonumber(ARGV[2])
local current = current_version()
if redis.call('HEXISTS', KEYS[2], node) == 1 then
  return { 'known', current, current < floor and 1 or 0, unpack(redis.call('HGETALL', KEYS[2])) }
end
local version = next_version(floor)
redis.call('HSET', KEYS[2], node, cmsgpack.pack({ 1, 'loading' }))
publish(version, '', 'enter', node)
return { 'entered', version, current < floor and 1 or 0, unpack(redis.call('HGETALL', KEYS[2])) }
