-- Changes in which topics of a realm a node has subscribers.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm   <prefix>:{r:<realm>}:changes
-- KEYS[4]  interest of the node   <prefix>:{r:<realm>}:interest:<node>
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: the store may have lost its data
-- ARGV[3]  who waits for confirmations: the node, or '-'
-- ARGV[4]  count of topics it wants from now on
-- ARGV[5…] these, then those it wants no more; each `<match> <topic>`, the topic escaped as inside a JSON string
-- Returns  'done', the realm's new version, every node that serves it; or 'stranger': the node does not serve it.
-- O(topics given + nodes). Repeating it makes another version, nothing else.

local channel = KEYS[3]
local node, floor, asker, add_count = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'stranger' }
end

local function quoted(first, last)
  return last < first and '' or '"' .. table.concat(ARGV, '","', first, last) .. '"'
end

local last_add = 4 + add_count
if add_count > 0 then
  redis.call('SADD', KEYS[4], unpack(ARGV, 5, last_add))
end
if #ARGV > last_add then
  redis.call('SREM', KEYS[4], unpack(ARGV, last_add + 1, #ARGV))
end
local version = math.max(tonumber(redis.call('GET', KEYS[1])) or 0, floor) + 1
redis.call('SET', KEYS[1], string.format('%.0f', version))
local head = string.format('1 %.0f %s ["interest","%s",[', version, asker, node)
redis.call('PUBLISH', channel, head .. quoted(5, last_add) .. '],[' .. quoted(last_add + 1, #ARGV) .. ']]')
return { 'done', version, unpack(redis.call('HKEYS', KEYS[2])) }
