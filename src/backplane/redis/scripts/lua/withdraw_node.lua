-- Takes a node out of a realm, a part of its callees at a time, its interest and its entry with the last part. Nobody
-- serves the realm any more: nothing of it is left. Rows as in claim_procedure.lua.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm   <prefix>:{r:<realm>}:changes
-- KEYS[4]  procedures             <prefix>:{r:<realm>}:procedures
-- KEYS[5]  procedures by id       <prefix>:{r:<realm>}:ids
-- KEYS[6]  procedures of the node <prefix>:{r:<realm>}:callees:<node>
-- KEYS[7]  whose callees are     <prefix>:{r:<realm>}:owners
-- KEYS[8]  interest of the node   <prefix>:{r:<realm>}:interest:<node>
-- ARGV[1]  node
-- ARGV[2]  version that the caller knows: the store may have lost its data
-- ARGV[3]  procedures per call at most
-- ARGV[4]  bytes of rows per call, about
-- Returns  'more': call again; 'done'. Then the realm's version: 0 when there is no such realm any more.
-- O(bytes of the rows). Safe to repeat.

local channel, node, floor = KEYS[3], ARGV[1], tonumber(ARGV[2])
local limit, limit_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])

local function without_node(member, row, header_last)
  local kept = { string.sub(row, 1, header_last - 1) }
  for line in string.gmatch(string.sub(row, header_last + 1), '[^\n]+') do
    local owner, session = string.match(line, '^(%S+) (%d+) ')
    if owner ~= node then
      kept[#kept + 1] = line
    else
      redis.call('HDEL', KEYS[7], node .. ' ' .. session .. ' ' .. member)
    end
  end
  return kept
end

-- include shared/inherited.lua

local ids, bytes = {}, 0
for _ = 1, limit do
  local member = bytes < limit_bytes and redis.call('SPOP', KEYS[6])
  if not member then
    break
  end
  local row = redis.call('HGET', KEYS[4], member)
  local id, header_last
  if row then
    id = string.match(row, '^1\n(%d+) %a+ %d+\n')
    _, header_last = string.find(row, '^1\n[^\n]*\n')
    bytes = bytes + #row
  end
  if id and string.find(row, '\n' .. node .. ' ', 1, true) then
    local kept = without_node(member, row, header_last)
    if #kept > 1 then
      redis.call('HSET', KEYS[4], member, inherited(table.concat(kept, '\n') .. '\n'))
    else
      redis.call('HDEL', KEYS[4], member)
      redis.call('HDEL', KEYS[5], id)
    end
    ids[#ids + 1] = id
  end
end

local is_last = redis.call('SCARD', KEYS[6]) == 0
local version = tonumber(redis.call('GET', KEYS[1])) or 0
local has_changed = #ids > 0
if is_last then
  has_changed = redis.call('HDEL', KEYS[2], node) == 1 or has_changed
  has_changed = redis.call('UNLINK', KEYS[8]) == 1 or has_changed
end
if has_changed then
  version = math.max(version, floor) + 1
  redis.call('SET', KEYS[1], string.format('%.0f', version))
  local head = string.format('1 %.0f - ["%s","%s",[', version, is_last and 'withdrawn' or 'drop', node)
  local body = #ids > 0 and '"' .. table.concat(ids, '","') .. '"' or ''
  redis.call('PUBLISH', channel, head .. body .. ']]')
end
if is_last and redis.call('HLEN', KEYS[2]) == 0 then
  redis.call('UNLINK', KEYS[1], KEYS[4], KEYS[5], KEYS[7])
  version = 0
end
return { is_last and 'done' or 'more', version }
