-- Enters a node into the cluster, or enters it again after the store has lost its data. Says `entered` to all nodes.
-- KEYS[1]  rows of the nodes    <prefix>:{nodes}:alive
-- KEYS[2]  leases               <prefix>:{nodes}:leases
-- KEYS[3]  tombstones           <prefix>:{nodes}:gone
-- KEYS[4]  the membership's own <prefix>:{nodes}:meta
-- KEYS[5]  channel of membership changes  <prefix>:{nodes}:changes
-- ARGV[1]  node id
-- ARGV[2]  row: a MessagePack list of 1, the name, the start in ms since 1970, the formats that the node reads
-- ARGV[3]  lease in ms
-- ARGV[4]  epoch to begin with if there is none
-- ARGV[5]  version that the node knows: the next one is above it, also when the store has lost its own
-- Returns  {'entered', version, epoch}; {'gone'} when the node was declared dead: it never comes back under this id.
-- O(log nodes). Safe to repeat: a node that has entered gets its lease anew, and nothing is published.

-- include shared/clock.lua

local alive, leases, gone, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local node, row, lease, floor = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])

if redis.call('ZSCORE', gone, node) then
  return { 'gone' }
end

local now = server_now()
redis.call('HSETNX', meta, 'epoch', ARGV[4])
redis.call('ZADD', leases, string.format('%.0f', now + lease), node)

local version = math.max(tonumber(redis.call('HGET', meta, 'version')) or 0, floor)
local is_new = redis.call('HSET', alive, node, row) == 1
if is_new then
  version = version + 1
end
local text = string.format('%.0f', version)
redis.call('HSET', meta, 'version', text)
if is_new then
  redis.call('PUBLISH', KEYS[5], cmsgpack.pack({ 1, version, 'entered', node, (cmsgpack.unpack(row)) }))
end
return { 'entered', version, redis.call('HGET', meta, 'epoch') }
