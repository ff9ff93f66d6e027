-- Notes realms in which a node may have rows from now on: the node that reaps it looks there.
-- KEYS[1]  rows of the nodes    <prefix>:{nodes}:alive
-- KEYS[2]  tombstones           <prefix>:{nodes}:gone
-- KEYS[3]  realms of the node   <prefix>:{nodes}:realms:<node>
-- ARGV[1]  node
-- ARGV[2…] realms
-- Returns  'noted'; 'gone' when the node was declared dead; 'absent' when the store does not know it: it lost its data.
-- O(realms given). Safe to repeat.

local node = ARGV[1]
if redis.call('ZSCORE', KEYS[2], node) then
  return 'gone'
end
if redis.call('HEXISTS', KEYS[1], node) == 0 then
  return 'absent'
end
for at = 2, #ARGV do
  redis.call('SADD', KEYS[3], ARGV[at])
end
return 'noted'
