-- Reads the retained events of a topic.
-- KEYS[1]  rows: see shared/retained.lua
-- ARGV[1]  topic
-- Returns  the publications, the newest first; or the row itself when it has another format: the router counts it.
-- O(bytes of the row).
-- include shared/clock.lua
-- include shared/retained.lua

local row = redis.call('HGET', KEYS[1], ARGV[1])
local events, is_read = retained_events(row, server_now())
if not is_read then
  return { row }
end
local publications = {}
for _, event in ipairs(events) do
  publications[#publications + 1] = event[PUBLICATION]
end
return publications
