-- Takes callees of one node off their procedures; a procedure without callees goes (SHR-4). Rows as in claim_procedure.lua.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- KEYS[3]  channel of the realm   <prefix>:{r:<realm>}:changes
-- KEYS[4]  procedures             <prefix>:{r:<realm>}:procedures
-- KEYS[5]  procedures by id       <prefix>:{r:<realm>}:ids
-- KEYS[6]  procedures of the node <prefix>:{r:<realm>}:callees:<node>
-- KEYS[7]  whose callees are     <prefix>:{r:<realm>}:owners
-- ARGV[1]  node
-- ARGV[2]  version that the node knows: the store may have lost its data
-- ARGV[3…] for each procedure: `<match> <procedure>`, count of sessions, the sessions
-- Returns  'done', the realm's version: a new one if anything changed; or 'stranger': the node does not serve the realm.
-- O(sessions given × bytes of their rows, at most 8 times the bytes of the rows). Safe to repeat.

local channel, node, floor = KEYS[3], ARGV[1], tonumber(ARGV[2])
if redis.call('HEXISTS', KEYS[2], node) == 0 then
  return { 'stranger' }
end

-- Looking for a line is faster than cutting the row into lines, but not for many of them.
local FEW = 8

local function without_few(row, sessions, removed)
  for _, session in ipairs(sessions) do
    local before, rest = string.find(row, '\n' .. node .. ' ' .. session .. ' ', 1, true)
    if before then
      local last = string.find(row, '\n', rest, true)
      row = string.sub(row, 1, before) .. string.sub(row, last + 1)
      removed[#removed + 1] = session
    end
  end
  return row
end

local function without_many(row, sessions, removed)
  local leaves = {}
  for _, session in ipairs(sessions) do
    leaves[session] = true
  end
  local _, header_last = string.find(row, '^1\n[^\n]*\n')
  local kept = { string.sub(row, 1, header_last - 1) }
  for line in string.gmatch(string.sub(row, header_last + 1), '[^\n]+') do
    local owner, session = string.match(line, '^(%S+) (%d+) ')
    if owner == node and leaves[session] then
      removed[#removed + 1] = session
    else
      kept[#kept + 1] = line
    end
  end
  return table.concat(kept, '\n') .. '\n'
end

-- include shared/inherited.lua

local changes = {}

local function release(member, sessions)
  local row = redis.call('HGET', KEYS[4], member)
  local id = row and string.match(row, '^1\n(%d+) %a+ %d+\n')
  if row and not id then
    return
  end
  local removed = {}
  if row then
    row = (#sessions > FEW and without_many or without_few)(row, sessions, removed)
    if #removed > 0 then
      for _, session in ipairs(removed) do
        redis.call('HDEL', KEYS[7], node .. ' ' .. session .. ' ' .. member)
      end
      changes[#changes + 1] = '["' .. id .. '","' .. table.concat(removed, '","') .. '"]'
      if string.find(row, '^1\n[^\n]*\n.') then
        redis.call('HSET', KEYS[4], member, inherited(row))
      else
        redis.call('HDEL', KEYS[4], member)
        redis.call('HDEL', KEYS[5], id)
      end
    end
  end
  -- Also when another node took the procedure by force, which could not know of this key.
  if not row or not string.find(row, '\n' .. node .. ' ', 1, true) then
    redis.call('SREM', KEYS[6], member)
  end
end

local at = 3
while at < #ARGV do
  local count = tonumber(ARGV[at + 1])
  local sessions = {}
  for index = at + 2, at + 1 + count do
    sessions[#sessions + 1] = ARGV[index]
  end
  release(ARGV[at], sessions)
  at = at + 2 + count
end

local version = tonumber(redis.call('GET', KEYS[1])) or 0
if #changes > 0 then
  version = math.max(version, floor) + 1
  redis.call('SET', KEYS[1], string.format('%.0f', version))
  local body = string.format('1 %.0f - ["release","%s",[', version, node) .. table.concat(changes, ',') .. ']]'
  redis.call('PUBLISH', channel, body)
end
return { 'done', version }
