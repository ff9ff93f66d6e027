-- Finds publications in an entry of the history.
-- KEYS[1]  index: see append_history.lua
-- ARGV[1]  time to live in ms, or 0
-- ARGV     further: publication ids
-- Returns  of each publication its place in the stream, or an empty text when it is not there, or its time is over.
-- O(publications).
-- include shared/clock.lua

local ttl = tonumber(ARGV[1])
local oldest = ttl == 0 and 0 or server_now() - ttl
local places = {}
for at = 2, #ARGV do
  local place = redis.call('HGET', KEYS[1], ARGV[at])
  places[at - 1] = place and tonumber(string.match(place, '^%d+') or '0') >= oldest and place or ''
end
return places
