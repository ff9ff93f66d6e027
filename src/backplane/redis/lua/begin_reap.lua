-- Declares a node dead and claims the work of removing its rows; or begins the clean leave of a node, by itself.
-- The claim runs out, so that another survivor goes on when the reaper dies too. A node that the store knows nothing of (it
-- lost its data and the node never came back) is reaped like one whose lease ran out, once the grace is over.
-- KEYS[1]  rows of the nodes    <prefix>:{nodes}:alive
-- KEYS[2]  leases               <prefix>:{nodes}:leases
-- KEYS[3]  nodes being reaped   <prefix>:{nodes}:dying
-- KEYS[4]  tombstones           <prefix>:{nodes}:gone
-- KEYS[5]  the membership's own <prefix>:{nodes}:meta
-- ARGV[1]  node to be reaped
-- ARGV[2]  reaper; the node itself when it leaves
-- ARGV[3]  how long the claim holds, in ms
-- ARGV[4]  silence of all nodes, in ms, that means the store was away
-- ARGV[5]  how long tombstones are kept, in ms
-- ARGV[6]  'expired': only if its lease ran out; 'certain': it is known to have gone before, whatever its lease says
-- Returns  'won'; 'bare': won, and the store had no row of it; 'ended': somebody has reaped it to the end;
--          'claimed' by another; 'alive'; 'grace': nobody is reaped now; 'stranger': the reaper itself is not alive.
-- O(log nodes + tombstones that are dropped). Safe to repeat: the same reaper wins again and its claim is prolonged.

local alive, leases, dying, gone, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local node, reaper, claim_ms, away, kept_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local is_own = node == reaper

if not is_own and (redis.call('HEXISTS', alive, reaper) == 0 or redis.call('ZSCORE', gone, reaper)) then
  return 'stranger'
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local has_row = redis.call('HEXISTS', alive, node) == 1
local claim = redis.call('HGET', dying, node)
if claim then
  local claimer, until_ms = string.match(claim, '^(%S+) (%d+)$')
  if claimer and claimer ~= reaper and tonumber(until_ms) > now then
    return 'claimed'
  end
elseif not has_row and redis.call('ZSCORE', gone, node) then
  return 'ended'
elseif not is_own and ARGV[6] ~= 'certain' then
  local renewed = tonumber(redis.call('HGET', meta, 'renewedAtMs'))
  local grace = tonumber(redis.call('HGET', meta, 'graceUntilMs')) or 0
  if not renewed or now - renewed > away or now < grace then
    return 'grace'
  end
  local lease = redis.call('ZSCORE', leases, node)
  if lease and tonumber(lease) > now then
    return 'alive'
  end
end

redis.call('ZREM', leases, node)
redis.call('HSET', dying, node, reaper .. ' ' .. string.format('%.0f', now + claim_ms))
redis.call('ZADD', gone, string.format('%.0f', now), node)
redis.call('ZREMRANGEBYSCORE', gone, '-inf', string.format('(%.0f', now - kept_ms))
redis.call('PEXPIRE', gone, string.format('%.0f', kept_ms))
return has_row and 'won' or 'bare'
