-- Reads some events of an entry of the history.
-- KEYS[1]  stream: see append_history.lua
-- ARGV[1]  first place, ARGV[2]  last place, both included
-- ARGV[3]  1: from the last to the first; 0: from the first to the last
-- ARGV[4]  events at most, ARGV[5]  bytes at most, but one event in any case
-- ARGV[6]  time to live in ms, or 0
-- Returns  { 1 if there may be more events in the range, else 0; place, publication, place, publication … }.
-- O(events read).
-- include shared/clock.lua

local AT_ONCE = 10
local first, last, is_reversed = ARGV[1], ARGV[2], ARGV[3] == '1'
local max_events, max_bytes, ttl = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if ttl > 0 then
  local oldest = server_now() - ttl
  if tonumber(string.match(first, '^%d+')) < oldest then
    first = string.format('%.0f', oldest)
  end
end

local reply = { 0 }
local count, bytes = 0, 0
while true do
  local events
  if is_reversed then
    events = redis.call('XREVRANGE', KEYS[1], last, first, 'COUNT', AT_ONCE)
  else
    events = redis.call('XRANGE', KEYS[1], first, last, 'COUNT', AT_ONCE)
  end
  for _, event in ipairs(events) do
    bytes = bytes + #event[2][4]
    if count > 0 and (count >= max_events or bytes > max_bytes) then
      reply[1] = 1
      return reply
    end
    count = count + 1
    reply[#reply + 1] = event[1]
    reply[#reply + 1] = event[2][4]
    if is_reversed then
      last = '(' .. event[1]
    else
      first = '(' .. event[1]
    end
  end
  if #events < AT_ONCE then
    return reply
  end
end
