-- Gives a procedure of a realm to a callee, if its invocation policy allows another one (SHR-1, SHR-2, DLR-4, ID-3).
-- KEYS[1]  realm version           <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it     <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm    <prefix>:{r:<realm>}:changes
-- KEYS[4]  procedures              <prefix>:{r:<realm>}:procedures
-- KEYS[5]  procedures by id        <prefix>:{r:<realm>}:ids
-- KEYS[6]  callees of the node     <prefix>:{r:<realm>}:held:<node>; `<session> <match> <procedure>`
-- KEYS[7]  callees of the procedure  <prefix>:{r:<realm>}:callees:<match>:<procedure>
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: Redis may have lost its data
-- ARGV[3]  `<match> <procedure>`
-- ARGV[4]  registration id, if the procedure has none
-- ARGV[5]  invocation policy
-- ARGV[6]  session
-- ARGV[7]  invocations that the callee takes at once; 0: any number
-- ARGV[8]  1: callers are disclosed to it; else 0
-- ARGV[9]  1: it receives the timeouts of calls; else 0
-- ARGV[10] 1: takes over from all callees of the procedure; 2: receives only a procedure without callees; 3: takes over from
--          callees that all have its own digest; 0: none of that
-- ARGV[11] order of an earlier grant, which Redis has lost and is to give again under the same id; else ''. With 1 the callee
--          replaces all others at once, but for those that take the procedure over and were granted behind it
-- ARGV[12] digest of the callee's authid; '': it is not stored
-- ARGV[13] when the procedure got its first callee, in ms since 1970, if an earlier grant is given again; else ''
-- Returns  'granted', the realm's new version, registration id, order, when the procedure got its first callee, every node
--          that serves the realm; 'offered' and the same: the callees keep the procedure until `complete_takeover.lua`;
--          or 'taken', 'policy' and the one it has, or 'protected': the callees are not those that 2 and 3 replace; each with
--          `<node> <session>` of 64 callees at most;
--          'id-taken': the id belongs to another procedure; 'unreadable': the row has another format; 'not-serving': the
--          node does not serve the realm.
-- O(nodes), whatever the number of callees; with 3 O(callees with that digest). Repeating it: 'taken'; with an order: granted.

-- include shared/change.lua
-- include shared/clock.lua
-- include shared/procedure.lua

local node, floor, member, id, invoke = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local force, order, digest = ARGV[10], tonumber(ARGV[11]), ARGV[12]
local callees = KEYS[7]
local holder = node .. ' ' .. ARGV[6]
local MAX_HOLDERS = 64
local MAX_SUCCESSORS = 8
local SCAN_COUNT = 100
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'not-serving' }
end

local function refused(...)
  local reply = { ... }
  for _, other in ipairs(redis.call('HRANDFIELD', callees, MAX_HOLDERS)) do
    reply[#reply + 1] = other
  end
  return reply
end

local function all_are_own()
  local cursor = '0'
  repeat
    local part = redis.call('HSCAN', callees, cursor, 'COUNT', SCAN_COUNT)
    cursor = part[1]
    for at = 2, #part[2], 2 do
      local other = unpack_row(part[2][at])
      if not other or other[DIGEST] ~= digest then
        return false
      end
    end
  until cursor == '0'
  return digest ~= ''
end

local row = procedure_row(member)
if row == false then
  return { 'unreadable' }
end
if row and redis.call('HLEN', callees) == 0 then
  -- No node could ever release it.
  redis.call('HDEL', KEYS[5], string.format('%.0f', row[ID]))
  row = nil
end

local is_forced, is_there = force == '1', false
if row then
  is_there = redis.call('HEXISTS', callees, holder) == 1
  if is_there and not order then
    return refused('taken')
  end
  if order and not is_there and (row[ID] ~= tonumber(id) or row[FORCED_AT] > order) then
    return { 'taken' }
  end
  if force == '3' and not is_there then
    is_forced = all_are_own()
  end
  if (force == '2' or force == '3') and not is_there and not is_forced then
    return refused('protected')
  end
  if is_forced and not order and #row[SUCCESSORS] >= MAX_SUCCESSORS then
    return refused('taken')
  end
  if not is_forced and not is_there then
    if row[INVOKE] == 'single' then
      return refused('taken')
    end
    if row[INVOKE] ~= invoke then
      return refused('policy', row[INVOKE])
    end
  end
else
  local other = redis.call('HGET', KEYS[5], id)
  if other and other ~= member then
    return { 'id-taken' }
  end
  redis.call('HSET', KEYS[5], id, member)
end

local is_offer = row and is_forced and not order
local is_replacing = not row or (is_forced and not is_offer)
local version = next_version(floor)
order = order or version
local callee = { 1, order, tonumber(ARGV[7]), ARGV[8] == '1', ARGV[9] == '1', is_offer and invoke or '' }
local since, kept = {}, {}
if is_replacing then
  for _, successor in ipairs(row and row[SUCCESSORS] or {}) do
    local other = callee_row(callees, successor)
    if other and other[ORDER] > order then
      since[#since + 1] = successor
      kept[#kept + 1] = successor
      kept[#kept + 1] = cmsgpack.pack(other)
    end
  end
  redis.call('UNLINK', callees)
  local created = row and row[CREATED] or tonumber(ARGV[13]) or server_now()
  row = { 1, row and row[ID] or tonumber(id), invoke, is_forced and version or 0, since, created }
  put_procedure(member, row)
elseif is_offer then
  row[SUCCESSORS][#row[SUCCESSORS] + 1] = holder
  put_procedure(member, row)
end
local is_at_once = is_forced and not is_offer
publish(version, node, 'claim', row[ID], member, invoke, node, tonumber(ARGV[6]), callee, is_at_once, row[CREATED])
if is_replacing or not is_there then
  callee[DIGEST] = digest
  redis.call('HSET', callees, holder, cmsgpack.pack(callee), unpack(kept))
end
redis.call('SADD', KEYS[6], ARGV[6] .. ' ' .. member)
local kind, nodes = is_offer and 'offered' or 'granted', redis.call('HKEYS', KEYS[2])
local id_text, order_text = string.format('%.0f', row[ID]), string.format('%.0f', order)
return { kind, version, id_text, order_text, string.format('%.0f', row[CREATED]), unpack(nodes) }
