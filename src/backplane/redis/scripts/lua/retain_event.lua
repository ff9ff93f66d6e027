-- Makes an event the newest retained one of its topic.
-- KEYS[1]  rows, KEYS[2]  order, KEYS[3]  bytes: see shared/retained.lua
-- ARGV[1]  topic
-- ARGV[2]  node that puts it, ARGV[3]  number of the event there, which rises
-- ARGV[4]  publication
-- ARGV[5]  1: all receivers may have it; 0: some
-- ARGV[6]  topics of the realm at most, ARGV[7]  bytes of the realm at most, ARGV[8]  events of a topic at most
-- ARGV[9]  time to live in ms, or 0
-- Returns  kept; superseded: a later event of the node is there; topics or bytes: the bound is reached, and nothing changes but
--          that expired topics may have been removed.
-- O(log topics + bytes of the row). Repeating it changes nothing while the topic has the event. Once an event of another node
-- has taken its place, or it has expired, repeating it makes it the newest again.
-- include shared/clock.lua
-- include shared/expiry.lua
-- include shared/retained.lua

local rows, order, bytes = KEYS[1], KEYS[2], KEYS[3]
local topic, node, number = ARGV[1], ARGV[2], tonumber(ARGV[3])
local max_topics, max_bytes, max_events, ttl = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local now = server_now()

end_together(rows, order, bytes)
local packed = redis.call('HGET', rows, topic)
local earlier = retained_events(packed, now)
for _, event in ipairs(earlier) do
  if event[NODE] == node and event[NUMBER] >= number then
    return event[NUMBER] == number and 'kept' or 'superseded'
  end
end

local row = { 1, { node, number, ttl == 0 and 0 or now + ttl, ARGV[5] == '1', ARGV[4] } }
if ARGV[5] ~= '1' then
  for _, event in ipairs(earlier) do
    row[#row + 1] = event
  end
  if #row > max_events + 1 then
    table.remove(row, row[#row][IS_FOR_ALL] and #row - 1 or #row)
  end
end
local stored = cmsgpack.pack(row)
local growth = packed and #stored - #packed or #stored + #topic

local function bound_reached()
  if not packed and redis.call('HLEN', rows) >= max_topics then
    return 'topics'
  end
  return (tonumber(redis.call('GET', bytes)) or 0) + growth > max_bytes and 'bytes' or nil
end

if bound_reached() then
  for _, oldest in ipairs(redis.call('ZRANGE', order, 0, 15)) do
    local old = oldest ~= topic and redis.call('HGET', rows, oldest)
    if old and #retained_events(old, now) == 0 then
      redis.call('HDEL', rows, oldest)
      redis.call('ZREM', order, oldest)
      redis.call('DECRBY', bytes, #old + #oldest)
    end
  end
  local bound = bound_reached()
  if bound then
    return bound
  end
end

local newest = redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')
redis.call('HSET', rows, topic, stored)
redis.call('ZADD', order, string.format('%.0f', (tonumber(newest[2]) or 0) + 1), topic)
redis.call('INCRBY', bytes, growth)
live_for(KEYS, ttl)
return 'kept'
