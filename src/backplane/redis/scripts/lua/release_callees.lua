-- Takes callees of one node off their procedures; a procedure without callees goes (SHR-4).
-- KEYS[1]  realm version           <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it     <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm    <prefix>:{r:<realm>}:changes
-- KEYS[4]  procedures              <prefix>:{r:<realm>}:procedures
-- KEYS[5]  procedures by id        <prefix>:{r:<realm>}:ids
-- KEYS[6]  callees of the node     <prefix>:{r:<realm>}:held:<node>
-- KEYS[7…] callees of each procedure  <prefix>:{r:<realm>}:callees:<match>:<procedure>
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: Redis may have lost its data
-- ARGV[3…] for each procedure, in the order of KEYS: `<match> <procedure>`, count of sessions, the sessions
-- Returns  'done', the realm's version: a new one if anything changed; or 'not-serving': the node does not serve the realm.
-- O(sessions given). Safe to repeat.

-- include shared/change.lua
-- include shared/procedure.lua

local node, floor = ARGV[1], tonumber(ARGV[2])
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'not-serving' }
end

local changes = {}

local function release(callees, member, first, last)
  local row = procedure_row(member)
  if row == false then
    return
  end
  local holders, change = {}, { row and row[ID] }
  for at = first, last do
    local holder = node .. ' ' .. ARGV[at]
    if redis.call('HDEL', callees, holder) == 1 and row then
      holders[holder] = true
      change[#change + 1] = tonumber(ARGV[at])
    end
    -- Also when another node took the procedure by force, which could not know of this key.
    redis.call('SREM', KEYS[6], ARGV[at] .. ' ' .. member)
  end
  if #change > 1 then
    callees_left(member, row, callees, holders)
    changes[#changes + 1] = change
  end
end

local at, key = 3, 7
while at < #ARGV do
  local last = at + 1 + tonumber(ARGV[at + 1])
  release(KEYS[key], ARGV[at], at + 2, last)
  at, key = last + 1, key + 1
end

if #changes == 0 then
  return { 'done', current_version() }
end
local version = next_version(floor)
publish(version, '', 'release', node, changes)
return { 'done', version }
