-- Renews the lease of a node and returns which nodes are to be reaped.
-- When nobody has renewed for a while the store was away, or its clock has jumped: nobody is reaped for a whole lease (G6).
-- KEYS[1]  rows of the nodes    <prefix>:{nodes}:alive
-- KEYS[2]  leases               <prefix>:{nodes}:leases
-- KEYS[3]  nodes being reaped   <prefix>:{nodes}:dying
-- KEYS[4]  tombstones           <prefix>:{nodes}:gone
-- KEYS[5]  the membership's own <prefix>:{nodes}:meta
-- ARGV[1]  node id
-- ARGV[2]  lease in ms
-- ARGV[3]  silence of all nodes, in ms, that means the store was away
-- ARGV[4]  epoch that the node knows
-- ARGV[5]  how many expired nodes to name at most
-- Returns  {'renewed', version, 1 while nobody is reaped or 0, node to reap…}
--          {'gone'} when the node was declared dead; {'emptied'} when the store knows neither the node nor its epoch.
--          To be reaped: nodes whose lease ran out, and nodes whose reaper is this one or let its claim run out.
-- O(log nodes + nodes named + nodes being reaped); O(nodes) once when the store's clock went back. Safe to repeat.

-- include shared/clock.lua

local alive, leases, dying, gone, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local node, lease, away = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

if redis.call('ZSCORE', gone, node) then
  return { 'gone' }
end
if redis.call('HGET', meta, 'epoch') ~= ARGV[4] or redis.call('HEXISTS', alive, node) == 0 then
  return { 'emptied' }
end

local now = server_now()
local renewed = tonumber(redis.call('HGET', meta, 'renewedAtMs'))
local grace = tonumber(redis.call('HGET', meta, 'graceUntilMs')) or 0
local due = string.format('%.0f', now + lease)

if renewed and renewed > now then
  -- The clock went back: what it promised would be due too late.
  for _, late in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. due, '+inf')) do
    redis.call('ZADD', leases, due, late)
  end
  local claims = redis.call('HGETALL', dying)
  for at = 1, #claims, 2 do
    redis.call('HSET', dying, claims[at], (string.match(claims[at + 1], '^%S+') or '-') .. ' 0')
  end
end
if not renewed or renewed > now or now - renewed > away then
  grace = now + lease
  redis.call('HSET', meta, 'graceUntilMs', due)
end
redis.call('HSET', meta, 'renewedAtMs', string.format('%.0f', now))
redis.call('ZADD', leases, due, node)

local version = tonumber(redis.call('HGET', meta, 'version')) or 0
if now < grace then
  return { 'renewed', version, 1 }
end
local reply = { 'renewed', version, 0 }
local expired = redis.call('ZRANGEBYSCORE', leases, '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[5])
for _, dead in ipairs(expired) do
  reply[#reply + 1] = dead
end
local claims = redis.call('HGETALL', dying)
for at = 1, #claims, 2 do
  local reaper, until_ms = string.match(claims[at + 1], '^(%S+) (%d+)$')
  if not reaper or reaper == node or tonumber(until_ms) <= now then
    reply[#reply + 1] = claims[at]
  end
end
return reply
