-- Adds to counters that expire. The time to live of each begins when it is above 0 for the first time.
-- KEYS     counters     <prefix>:{r:<realm>}:expiring:<kind>:<digest>
-- ARGV[1]  how much; 0 reads them
-- ARGV[2]  their time to live in ms
-- Returns  the value of each.
-- O(counters). Each repetition adds again.

local amount, ttl_ms = tonumber(ARGV[1]), ARGV[2]
local counts = {}
for at, key in ipairs(KEYS) do
  local known = tonumber(redis.call('GET', key))
  local count = (known or 0) + amount
  if amount ~= 0 then
    local text = string.format('%.0f', count)
    if known then
      redis.call('SET', key, text, 'KEEPTTL')
    else
      redis.call('SET', key, text, 'PX', ttl_ms)
    end
  end
  counts[at] = count
end
return counts
