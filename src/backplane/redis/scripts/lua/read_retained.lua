-- Reads the retained events of a topic.
-- KEYS[1]  rows: see shared/retained.lua
-- ARGV[1]  topic
-- Returns  the publications, the newest first.
-- O(bytes of the row).
-- include shared/clock.lua
-- include shared/retained.lua

local publications = {}
for _, event in ipairs(retained_events(redis.call('HGET', KEYS[1], ARGV[1]), server_now())) do
  publications[#publications + 1] = event[PUBLICATION]
end
return publications
