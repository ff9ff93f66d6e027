-- Gives a procedure to a callee that takes it over, in place of all others but those that take it over since (REV-1).
-- KEYS[1]  realm version           <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it     <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm    <prefix>:{r:<realm>}:changes
-- KEYS[4]  procedures              <prefix>:{r:<realm>}:procedures
-- KEYS[5]  callees of the procedure  <prefix>:{r:<realm>}:callees:<match>:<procedure>
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: Redis may have lost its data
-- ARGV[3]  `<match> <procedure>`
-- ARGV[4]  session
-- Returns  'done', the realm's version: a new one if anything changed; or 'not-serving': the node does not serve the realm.
-- O(1): Redis frees the rows of the others in the background. Safe to repeat, and when the callee has gone or holds the
-- procedure already.

-- include shared/change.lua
-- include shared/procedure.lua

local node, floor, member, callees = ARGV[1], tonumber(ARGV[2]), ARGV[3], KEYS[5]
local holder = node .. ' ' .. ARGV[4]
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'not-serving' }
end

local row = procedure_row(member)
local callee = row and callee_row(callees, holder)
if not callee or callee[TAKES_OVER] == '' then
  return { 'done', current_version() }
end

local version = next_version(floor)
local invoke = callee[TAKES_OVER]
local since, kept, is_since = {}, {}, false
for _, successor in ipairs(row[SUCCESSORS]) do
  local packed = is_since and redis.call('HGET', callees, successor)
  if packed then
    since[#since + 1] = successor
    kept[#kept + 1] = successor
    kept[#kept + 1] = packed
  end
  is_since = is_since or successor == holder
end
callee[TAKES_OVER] = ''
redis.call('UNLINK', callees)
redis.call('HSET', callees, holder, cmsgpack.pack(callee), unpack(kept))
put_procedure(member, { 1, row[ID], invoke, version, since, row[CREATED] })
callee[DIGEST] = nil
publish(version, '', 'claim', row[ID], member, invoke, node, tonumber(ARGV[4]), callee, true, row[CREATED])
return { 'done', version }
