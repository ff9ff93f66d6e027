-- Removes the last rows of a node that is being reaped, and publishes `gone` to all nodes: its realms and sessions are removed
-- already.
-- The last node takes the membership's own row with it; only the tombstones stay, for their time.
-- KEYS[1]  rows of the nodes    <prefix>:{nodes}:alive
-- KEYS[2]  leases               <prefix>:{nodes}:leases
-- KEYS[3]  nodes being reaped   <prefix>:{nodes}:dying
-- KEYS[4]  tombstones           <prefix>:{nodes}:gone
-- KEYS[5]  the membership's own <prefix>:{nodes}:meta
-- KEYS[6]  realms of the node   <prefix>:{nodes}:realms:<node>
-- KEYS[7]  channel of membership changes  <prefix>:{nodes}:changes
-- ARGV[1]  node
-- ARGV[2]  how long tombstones are kept, in ms
-- ARGV[3]  version that the caller knows: the next one is above it, also when the store has lost its own
-- Returns  the membership's new version (> 0); 0 when the node is not being reaped: it has ended, or the store lost its data.
-- O(log nodes + tombstones that are dropped). Safe to repeat: `gone` is published once.

-- include shared/clock.lua
-- include shared/tombstone.lua

local alive, leases, dying, gone, meta, realms = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local node, kept_ms = ARGV[1], tonumber(ARGV[2])

if redis.call('HDEL', dying, node) == 0 then
  return 0
end
redis.call('HDEL', alive, node)
redis.call('ZREM', leases, node)
redis.call('UNLINK', realms)

local now = server_now()
keep_tombstone(gone, node, now, kept_ms)

local version = math.max(tonumber(redis.call('HGET', meta, 'version')) or 0, tonumber(ARGV[3])) + 1
local text = string.format('%.0f', version)
redis.call('PUBLISH', KEYS[7], cmsgpack.pack({ 1, version, 'gone', node }))
if redis.call('HLEN', alive) == 0 and redis.call('HLEN', dying) == 0 then
  redis.call('UNLINK', meta)
else
  redis.call('HSET', meta, 'version', text)
end
return version
