-- Rows of a procedure, each a MessagePack list that begins with the number of its format, 1.
-- In KEYS[4], by `<match> <procedure>`: { 1, registration id, invocation policy, version of the last claim by force or 0,
-- successors, when it got its first callee in ms since 1970 }. The successors are callees that take the procedure over by
-- force and are not certain to have it: at most 8, each as `<node> <session>`, the oldest first. There is always a callee
-- that is no successor.
-- In a hash for each procedure, by `<node> <session>`: { 1, order, concurrency or 0, discloses callers, forwards timeouts,
-- invocation policy of a successor or '', digest of the authid or '' }.
local ID, INVOKE, FORCED_AT, SUCCESSORS, CREATED = 2, 3, 4, 5, 6
local ORDER, TAKES_OVER, DIGEST = 2, 6, 7

local function unpack_row(packed)
  local is_read, row = pcall(cmsgpack.unpack, packed)
  return is_read and type(row) == 'table' and row[1] == 1 and row
end

-- Returns nil when there is no such procedure, and false when its row has another format.
local function procedure_row(member)
  local packed = redis.call('HGET', KEYS[4], member)
  if packed then
    return unpack_row(packed)
  end
end

local function put_procedure(member, row)
  redis.call('HSET', KEYS[4], member, cmsgpack.pack(row))
end

local function callee_row(callees, holder)
  local packed = redis.call('HGET', callees, holder)
  return packed and unpack_row(packed)
end

-- Takes callees off a procedure: `holders` are those that `callees` has no more. A procedure without callees goes. When only
-- successors remain, the first becomes the callee, under its own invocation policy.
local function callees_left(member, row, callees, holders)
  local count = redis.call('HLEN', callees)
  if count == 0 then
    redis.call('HDEL', KEYS[4], member)
    redis.call('HDEL', KEYS[5], string.format('%.0f', row[ID]))
    return
  end
  if #row[SUCCESSORS] == 0 then
    return
  end
  local successors = {}
  for _, successor in ipairs(row[SUCCESSORS]) do
    if not holders[successor] then
      successors[#successors + 1] = successor
    end
  end
  local has_changed = #successors < #row[SUCCESSORS]
  local heir = #successors == count and callee_row(callees, successors[1])
  if heir then
    row[INVOKE], row[FORCED_AT] = heir[TAKES_OVER], 0
    heir[TAKES_OVER] = ''
    redis.call('HSET', callees, table.remove(successors, 1), cmsgpack.pack(heir))
  end
  if has_changed or heir then
    row[SUCCESSORS] = successors
    put_procedure(member, row)
  end
end
