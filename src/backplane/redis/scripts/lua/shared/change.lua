-- Counts and publishes the changes of a realm. KEYS[1] is the realm's version and KEYS[3] its channel.

local function current_version()
  return tonumber(redis.call('GET', KEYS[1])) or 0
end

-- The next version is above every version that the calling node knows (`floor`), also when Redis has lost its data.
local function next_version(floor)
  local version = math.max(current_version(), floor) + 1
  redis.call('SET', KEYS[1], string.format('%.0f', version))
  return version
end

-- `asker` is the node that waits until the others have confirmed the version, or ''. The rest is the body of the change.
local function publish(version, asker, ...)
  redis.call('PUBLISH', KEYS[3], cmsgpack.pack({ 1, version, asker, ... }))
end
