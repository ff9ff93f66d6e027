-- Takes a node out of a realm, a part of its callees at a time, its interest and its entry when it has no callee left. When
-- no node serves the realm any more, nothing of it is left.
-- KEYS[1]  realm version           <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it     <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm    <prefix>:{r:<realm>}:changes
-- KEYS[4]  procedures              <prefix>:{r:<realm>}:procedures
-- KEYS[5]  procedures by id        <prefix>:{r:<realm>}:ids
-- KEYS[6]  callees of the node     <prefix>:{r:<realm>}:held:<node>
-- KEYS[7]  interest of the node    <prefix>:{r:<realm>}:interest:<node>
-- KEYS[8…] callees of procedures   <prefix>:{r:<realm>}:callees:<match>:<procedure>
-- ARGV[1]  node
-- ARGV[2]  version that the caller knows: Redis may have lost its data
-- ARGV[3…] for each callee to remove: its member of KEYS[6], which is `<session> <match> <procedure>`, and which of KEYS its
--          procedure has; 0: the member names no callee
-- Returns  'more': the node has callees left; 'done'. Then the realm's version: 0 when there is no such realm any more.
-- O(callees given). Safe to repeat.

-- include shared/change.lua
-- include shared/procedure.lua

local node, floor = ARGV[1], tonumber(ARGV[2])
local left, members = {}, {}
for at = 3, #ARGV, 2 do
  local session, member = string.match(ARGV[at], '^(%d+) (.+)$')
  local callees = session and KEYS[tonumber(ARGV[at + 1])]
  local holder = callees and node .. ' ' .. session
  if holder and redis.call('HDEL', callees, holder) == 1 then
    if not left[member] then
      left[member] = { callees = callees, holders = {} }
      members[#members + 1] = member
    end
    left[member].holders[holder] = true
  end
  redis.call('SREM', KEYS[6], ARGV[at])
end

local ids = {}
for _, member in ipairs(members) do
  local row = procedure_row(member)
  if row then
    callees_left(member, row, left[member].callees, left[member].holders)
    ids[#ids + 1] = row[ID]
  end
end

local is_last = redis.call('SCARD', KEYS[6]) == 0
local version = current_version()
local has_changed = #ids > 0
if is_last then
  has_changed = redis.call('HDEL', KEYS[2], node) == 1 or has_changed
  has_changed = redis.call('UNLINK', KEYS[7]) == 1 or has_changed
end
if has_changed then
  version = next_version(floor)
  publish(version, '', is_last and 'withdrawn' or 'drop', node, ids)
end
if is_last and redis.call('HLEN', KEYS[2]) == 0 then
  redis.call('UNLINK', KEYS[1], KEYS[4], KEYS[5])
  version = 0
end
return { is_last and 'done' or 'more', version }
