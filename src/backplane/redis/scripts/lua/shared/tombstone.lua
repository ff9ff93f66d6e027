-- Keeps a tombstone of a node for its time, and removes those whose time is over.
local function keep_tombstone(gone, node, now, kept_ms)
  redis.call('ZADD', gone, string.format('%.0f', now), node)
  redis.call('ZREMRANGEBYSCORE', gone, '-inf', string.format('(%.0f', now - kept_ms))
  redis.call('PEXPIRE', gone, string.format('%.0f', kept_ms))
end
