-- Reads a value that expires. With 'delete' it also deletes the key, which may have a counter or places instead of a value.
-- KEYS[1]  value        <prefix>:{r:<realm>}:expiring:<kind>:<digest>
-- ARGV[1]  'keep' or 'delete'
-- Returns  the value, or nothing.
-- O(1). Repeating 'delete': there is no value any more.

local reply = redis.pcall('GET', KEYS[1])
if ARGV[1] == 'delete' then
  redis.call('UNLINK', KEYS[1])
end
if type(reply) == 'table' and reply.err then
  return false
end
return reply
