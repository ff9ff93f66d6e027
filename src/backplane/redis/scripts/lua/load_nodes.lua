-- Reads the whole membership at one moment.
-- KEYS[1]  rows of the nodes    <prefix>:{nodes}:alive
-- KEYS[2]  nodes being reaped   <prefix>:{nodes}:dying
-- KEYS[3]  tombstones           <prefix>:{nodes}:gone
-- KEYS[4]  the membership's own <prefix>:{nodes}:meta
-- ARGV     nodes that the reader knows
-- Returns  {version, epoch or '', {node, row…}, {those of ARGV that are gone for good…}}
-- O(nodes). Changes nothing.

local alive, dying, gone, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local ended = {}
for _, node in ipairs(ARGV) do
  local is_ended = redis.call('ZSCORE', gone, node)
    and redis.call('HEXISTS', alive, node) == 0
    and redis.call('HEXISTS', dying, node) == 0
  if is_ended then
    ended[#ended + 1] = node
  end
end
return {
  tonumber(redis.call('HGET', meta, 'version')) or 0,
  redis.call('HGET', meta, 'epoch') or '',
  redis.call('HGETALL', alive),
  ended,
}
