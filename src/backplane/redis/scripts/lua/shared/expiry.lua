-- Keys live `ttl` ms from now on; 0: until a script removes them. Redis 7.0 reads its clock for each key: none ends before one that
-- is in front of it, and perhaps a millisecond later. `end_together` removes what is left then.
local function live_for(keys, ttl)
  for _, key in ipairs(keys) do
    if ttl == 0 then
      redis.call('PERSIST', key)
    else
      redis.call('PEXPIRE', key, ttl)
    end
  end
end

-- Removes the other keys if the first one has ended: they belong to what it had.
local function end_together(first, ...)
  if redis.call('EXISTS', first) == 0 then
    redis.call('UNLINK', ...)
  end
end
