-- Rows of sessions, each a MessagePack list: { 1, node, authid, authrole, authmethod, authprovider, when it joined in ms since
-- 1970, { type, protocol, serializer and peer of its transport }, authextra as base64 of MessagePack, or nil }. A script receives
-- for each realm two of KEYS: rows by session id, and the count of sessions by authrole.
local NODE, ROLE = 2, 4

local function session_row(packed)
  local is_read, row = pcall(cmsgpack.unpack, packed)
  return is_read and type(row) == 'table' and row[1] == 1 and row
end

-- Removes what a node has of a session. `place` is that of its realm in KEYS. Returns whether the node had the id.
local function remove_session(node, session, place)
  local is_own = redis.call('HGET', KEYS[1], session) == node
  local packed = redis.call('HGET', KEYS[place], session)
  local row = packed and session_row(packed)
  if row and row[NODE] == node then
    redis.call('HDEL', KEYS[place], session)
    if redis.call('HINCRBY', KEYS[place + 1], row[ROLE], -1) < 1 then
      redis.call('HDEL', KEYS[place + 1], row[ROLE])
    end
  elseif packed and not row and is_own then
    redis.call('HDEL', KEYS[place], session)
  end
  redis.call('HDEL', KEYS[2], session)
  if is_own then
    redis.call('HDEL', KEYS[1], session)
  end
  return is_own
end
