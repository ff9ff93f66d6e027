-- Keys live `ttl` ms from now on; 0: until a script removes them.
local function live_for(keys, ttl)
  for _, key in ipairs(keys) do
    if ttl == 0 then
      redis.call('PERSIST', key)
    else
      redis.call('PEXPIRE', key, ttl)
    end
  end
end
