-- Gives places up.
-- KEYS[1]  places       <prefix>:{r:<realm>}:expiring:<kind>:<digest>
-- ARGV     members
-- Returns  1.
-- O(members given). Repeating it changes nothing.

for _, member in ipairs(ARGV) do
  redis.call('HDEL', KEYS[1], member)
end
return 1
