-- Gives a procedure to a callee that takes it over, in place of all others but those that take it over since (REV-1). Rows
-- as in claim_procedure.lua.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm   <prefix>:{r:<realm>}:changes
-- KEYS[4]  procedures             <prefix>:{r:<realm>}:procedures
-- KEYS[5]  procedures by id       <prefix>:{r:<realm>}:ids
-- KEYS[6]  procedures of the node <prefix>:{r:<realm>}:callees:<node>
-- KEYS[7]  whose callees are     <prefix>:{r:<realm>}:owners
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: the store may have lost its data
-- ARGV[3]  `<match> <procedure>`
-- ARGV[4]  session
-- Returns  'done', the realm's version: a new one if anything changed; or 'stranger': the node does not serve the realm.
-- O(bytes of the row). Safe to repeat, and when the callee has gone or holds the procedure already.

local channel, node, floor, member, session = KEYS[3], ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'stranger' }
end

local version = tonumber(redis.call('GET', KEYS[1])) or 0
local row = redis.call('HGET', KEYS[4], member)
local before = row and string.find(row, '\n' .. node .. ' ' .. session .. ' ', 1, true)
local line, invoke
if before then
  line, invoke = string.match(row, '^([^\n]*) (%a%a%a%a+)\n', before + 1)
end
local id = row and string.match(row, '^1\n(%d+) %a+ %d+\n')
if not line or not id then
  return { 'done', version }
end

version = math.max(version, floor) + 1
local version_text = string.format('%.0f', version)
local own_order = tonumber(string.match(line, '^%S+ %d+ (%d+) '))
local kept = { '1', id .. ' ' .. invoke .. ' ' .. version_text, line }
local _, header_last = string.find(row, '^1\n[^\n]*\n')
for other in string.gmatch(string.sub(row, header_last + 1), '[^\n]+') do
  local holder, order = string.match(other, '^(%S+ %d+) (%d+) ')
  if string.find(other, ' %a%a%a%a+$') and tonumber(order) > own_order then
    kept[#kept + 1] = other
  elseif holder ~= node .. ' ' .. session then
    redis.call('HDEL', KEYS[7], holder .. ' ' .. member)
  end
end
redis.call('SET', KEYS[1], version_text)
redis.call('HSET', KEYS[4], member, table.concat(kept, '\n') .. '\n')
local body = '"' .. table.concat({ 'claim', id, member, invoke, line }, '","') .. '",1'
redis.call('PUBLISH', channel, '1 ' .. version_text .. ' - [' .. body .. ']')
return { 'done', version }
