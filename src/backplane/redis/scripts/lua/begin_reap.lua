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
-- ARGV[6]  'expired': only if its lease ran out; 'certain': it is known to have gone before, whatever its lease says;
--          'absent': as 'expired', or if nobody has listened to its inbox for a while and it has not renewed. Then follow
-- ARGV[7]  inbox of the node, see below
-- ARGV[8]  inbox of the reaper: when nobody listens to that either, this is not the server where nodes listen
-- ARGV[9]  how long nobody may have listened, in ms; looked at again within half of it each time, or it begins anew
-- ARGV[10] how long it may not have renewed, in ms: more than a live node lets pass between two renewals
-- ARGV[11] lease in ms
-- ARGV[12] '' where this script counts the listeners; else whether the inbox of the node has one, 1 or 0: in a Redis Cluster the
--          reaper has just asked the servers of both inboxes
-- Returns  'won'; 'won-rowless': won, and the store had no row of it; 'ended': somebody has reaped it to the end;
--          'claimed' by another; 'alive'; 'grace': nobody is reaped now; 'reaper-gone': the reaper itself is not alive.
-- O(log nodes + tombstones that are dropped). Safe to repeat: the same reaper wins again and its claim is prolonged.
-- Inboxes are arguments and not keys: each has a hash tag of its own, and a server in cluster mode refuses a script whose keys
-- lie in several slots. The script publishes nothing to an inbox. It only counts the listeners, and a server that has none
-- for the reaper's own inbox decides nothing.
-- The field `absent:<node>` of KEYS[5] has since when and until when nobody was seen to listen, and the lease as it was then.

-- include shared/clock.lua
-- include shared/tombstone.lua

local alive, leases, dying, gone, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local node, reaper, claim_ms, away, kept_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local is_own = node == reaper

if not is_own and (redis.call('HEXISTS', alive, reaper) == 0 or redis.call('ZSCORE', gone, reaper)) then
  return 'reaper-gone'
end

local now = server_now()
local absent_field = 'absent:' .. node

local function is_absent(lease)
  local inbox, own_inbox, absent_ms, silence_ms = ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])
  local is_listening = ARGV[12] == '1'
  if ARGV[12] == '' then
    if not redis.acl_check_cmd('PUBSUB', 'NUMSUB', inbox) then
      return false
    end
    local listeners = redis.call('PUBSUB', 'NUMSUB', inbox, own_inbox)
    is_listening = listeners[2] > 0 or listeners[4] == 0
  end
  if is_listening then
    redis.call('HDEL', meta, absent_field)
    return false
  end
  local seen = redis.call('HGET', meta, absent_field) or ''
  local first, last, seen_lease = string.match(seen, '^(%d+) (%d+) (%d+)$')
  first, last = tonumber(first), tonumber(last)
  local is_same = first and tonumber(seen_lease) == lease and last <= now and now - last <= absent_ms / 2
  first = is_same and first or now
  redis.call('HSET', meta, absent_field, string.format('%.0f %.0f %.0f', first, now, lease))
  return now - first >= absent_ms and now - (lease - tonumber(ARGV[11])) >= silence_ms
end

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
  local lease = tonumber(redis.call('ZSCORE', leases, node) or nil)
  if lease and lease > now and not (ARGV[6] == 'absent' and is_absent(lease)) then
    return 'alive'
  end
end

redis.call('ZREM', leases, node)
redis.call('HDEL', meta, absent_field)
redis.call('HSET', dying, node, reaper .. ' ' .. string.format('%.0f', now + claim_ms))
keep_tombstone(gone, node, now, kept_ms)
return has_row and 'won' or 'won-rowless'
