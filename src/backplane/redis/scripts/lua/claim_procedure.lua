-- Gives a procedure of a realm to a callee, if its invocation policy allows another one (SHR-1, SHR-2, DLR-4, ID-3).
-- A row is text: `1`, then `<id> <invoke> <version of the last claim by force, or 0>`, then a line for each callee:
-- `<node> <session> <order> <concurrency or -> <d or -><t or ->`, and for one that takes the procedure over by force, and is
-- not certain to have it, a space and its invocation policy. There is always one that holds it.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm   <prefix>:{r:<realm>}:changes
-- KEYS[4]  procedures             <prefix>:{r:<realm>}:procedures
-- KEYS[5]  procedures by id       <prefix>:{r:<realm>}:ids
-- KEYS[6]  procedures of the node <prefix>:{r:<realm>}:callees:<node>
-- KEYS[7]  whose callees are     <prefix>:{r:<realm>}:owners; digests of authids by `<node> <session> <member>`, only of
--          realms that ask for them
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: the store may have lost its data
-- ARGV[3]  `<match> <procedure>`, the procedure escaped as inside a JSON string
-- ARGV[4]  registration id, if the procedure has none
-- ARGV[5]  invocation policy
-- ARGV[6]  session
-- ARGV[7]  rest of the callee's line
-- ARGV[8]  1: takes over from whoever holds the procedure; 2: is given only what nobody holds; 3: takes over from callees
--          that all have its own digest; 0: none of that
-- ARGV[9] order of an earlier grant, which the store has lost and is to give again under the same id; else ''. With 1 it
--          replaces whoever holds the procedure at once
-- ARGV[10] digest of the callee's authid; '': it is not to be kept
-- Returns  'granted', the realm's new version, registration id, order, every node that serves the realm; 'offered' and the
--          same: who holds it keeps it until `complete_takeover.lua`;
--          or 'taken', 'policy' and the one it has, or 'protected': held by what 2 and 3 do not replace; each with
--          `<node> <session>` of the callees that hold it, at most 64;
--          'id-taken': the id belongs to another procedure; 'unreadable': the row is of another format; 'stranger': the
--          node does not serve the realm.
-- O(bytes of the row + nodes). Repeating it: 'taken'; with an order given: granted again.

local channel = KEYS[3]
local node, floor, member, id, invoke = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local session, rest, force, order, digest = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local is_forced = force == '1'
local MAX_HOLDERS = 64
local MAX_SUCCESSORS = 8
local is_again = order ~= ''
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'stranger' }
end

-- Visits `<node> <session>` of each callee until a visit returns false, and returns that.
local function each_holder(row, visit)
  local _, header_last = string.find(row, '^1\n[^\n]*\n')
  for holder in string.gmatch(string.sub(row, header_last + 1), '(%S+ %d+) [^\n]*\n') do
    if visit(holder) == false then
      return false
    end
  end
  return true
end

local function refused(reply, row)
  local most = #reply + MAX_HOLDERS
  each_holder(row, function(holder)
    reply[#reply + 1] = holder
    return #reply < most
  end)
  return reply
end

local function is_own(holder)
  return digest ~= '' and redis.call('HGET', KEYS[7], holder .. ' ' .. member) == digest
end

local row = redis.call('HGET', KEYS[4], member)
local is_there = false
if row then
  local held_id, held_invoke, forced_at = string.match(row, '^1\n(%d+) (%a+) (%d+)\n')
  if not held_id then
    return { 'unreadable' }
  end
  is_there = string.find(row, '\n' .. node .. ' ' .. session .. ' ', 1, true) ~= nil
  if is_there and not is_again then
    return refused({ 'taken' }, row)
  end
  if is_again and not is_there and (held_id ~= id or tonumber(forced_at) > tonumber(order)) then
    return { 'taken' }
  end
  if force == '3' and not is_there then
    is_forced = each_holder(row, is_own)
  end
  if (force == '2' or force == '3') and not is_there and not is_forced then
    return refused({ 'protected' }, row)
  end
  if is_forced and not is_again and select(2, string.gsub(row, ' %a%a%a%a+\n', '')) >= MAX_SUCCESSORS then
    return refused({ 'taken' }, row)
  end
  if not is_forced and not is_there then
    if held_invoke == 'single' then
      return refused({ 'taken' }, row)
    end
    if held_invoke ~= invoke then
      return refused({ 'policy', held_invoke }, row)
    end
  end
  id = held_id
else
  local holder = redis.call('HGET', KEYS[5], id)
  if holder and holder ~= member then
    return { 'id-taken' }
  end
  redis.call('HSET', KEYS[5], id, member)
end

local version = math.max(tonumber(redis.call('GET', KEYS[1])) or 0, floor) + 1
local version_text = string.format('%.0f', version)
redis.call('SET', KEYS[1], version_text)
if not is_again then
  order = version_text
end
local line = node .. ' ' .. session .. ' ' .. order .. ' ' .. rest
local is_offer = row and is_forced and not is_again
if is_offer then
  line = line .. ' ' .. invoke
  is_forced = false
end
if row and is_forced then
  each_holder(row, function(holder)
    redis.call('HDEL', KEYS[7], holder .. ' ' .. member)
  end)
end
if not row or is_forced then
  row = '1\n' .. id .. ' ' .. invoke .. ' ' .. (is_forced and version_text or '0') .. '\n' .. line .. '\n'
elseif not is_there then
  row = row .. line .. '\n'
end
redis.call('HSET', KEYS[4], member, row)
redis.call('SADD', KEYS[6], member)
if digest ~= '' then
  redis.call('HSET', KEYS[7], node .. ' ' .. session .. ' ' .. member, digest)
end
local body = '"' .. table.concat({ 'claim', id, member, invoke, line }, '","') .. '",' .. (is_forced and '1' or '0')
redis.call('PUBLISH', channel, '1 ' .. version_text .. ' ' .. node .. ' [' .. body .. ']')
return { is_offer and 'offered' or 'granted', version, id, order, unpack(redis.call('HKEYS', KEYS[2])) }
