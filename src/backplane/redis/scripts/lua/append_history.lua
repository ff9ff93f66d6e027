-- Stores a publication in entries of the history, and removes the oldest events beyond their bounds.
-- KEYS     of each entry two: stream  <prefix>:{r:<realm>}:history:<match>:<uri>, an event with p, its publication id, and e, the
--          publication as ../../../kept-publication.ts writes it; index <stream>:index, hash: publication id → place in the
--          stream, and bytes → bytes of all events
-- ARGV[1]  publication id, ARGV[2]  publication, ARGV[3]  events of an entry that this step removes at most
-- ARGV     of each entry three more: events at most, bytes at most, time to live in ms or 0
-- Returns  1.
-- O(entries + events removed). Repeating it changes nothing but when the keys expire, while the entry has the publication.
-- include shared/clock.lua
-- include shared/expiry.lua

local id, event, max_trimmed = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = server_now()

for at = 1, #KEYS, 2 do
  local stream, index = KEYS[at], KEYS[at + 1]
  local rule = 4 + (at - 1) / 2 * 3
  local limit, max_bytes, ttl = tonumber(ARGV[rule]), tonumber(ARGV[rule + 1]), tonumber(ARGV[rule + 2])
  end_together(stream, index)
  if redis.call('HEXISTS', index, id) == 0 then
    redis.call('HSET', index, id, redis.call('XADD', stream, '*', 'p', id, 'e', event))
    local bytes = redis.call('HINCRBY', index, 'bytes', #event)
    local count = redis.call('XLEN', stream)
    for _ = 1, max_trimmed do
      local is_full = count > limit or bytes > max_bytes
      local first = count > 1 and (is_full or ttl > 0) and redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
      if not first or not (is_full or tonumber(string.match(first[1], '^%d+')) < now - ttl) then
        break
      end
      redis.call('XDEL', stream, first[1])
      redis.call('HDEL', index, first[2][2])
      bytes = redis.call('HINCRBY', index, 'bytes', -#first[2][4])
      count = count - 1
    end
  end
  live_for({ stream, index }, ttl)
end
return 1
