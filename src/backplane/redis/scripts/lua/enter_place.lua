-- Takes one of a number of places.
-- KEYS[1]  places       <prefix>:{r:<realm>}:expiring:<kind>:<digest>: hash, member → its place in the order of entering
-- ARGV[1]  member
-- ARGV[2]  how many places there are
-- ARGV[3]  when all are taken: 'refuse' the newcomer, or 'replace' those that entered first
-- ARGV[4]  time to live in ms, from now
-- Returns  { 1, the members that it replaced … }, or { 0, all members … } when the newcomer was refused.
-- O(members). Repeating it changes only when the time to live begins.

local key, member, max = KEYS[1], ARGV[1], tonumber(ARGV[2])
local outcome = { 1 }
if redis.call('HEXISTS', key, member) == 0 then
  local flat = redis.call('HGETALL', key)
  local members = {}
  local last = 0
  for at = 1, #flat, 2 do
    local order = tonumber(flat[at + 1]) or 0
    members[#members + 1] = { flat[at], order }
    last = math.max(last, order)
  end
  table.sort(members, function(one, other)
    return one[2] < other[2]
  end)
  if #members >= max and ARGV[3] == 'refuse' then
    outcome[1] = 0
    for _, one in ipairs(members) do
      outcome[#outcome + 1] = one[1]
    end
    return outcome
  end
  for at = 1, #members - max + 1 do
    redis.call('HDEL', key, members[at][1])
    outcome[#outcome + 1] = members[at][1]
  end
  redis.call('HSET', key, member, string.format('%.0f', last + 1))
end
redis.call('PEXPIRE', key, ARGV[4])
return outcome
