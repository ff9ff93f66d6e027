-- Which of some commands the user of this connection may not call. None of them is carried out, and none is noted as denied.
-- ARGV     for each command: how many words it has, the words
-- Returns  the places of those that are denied, the first one being 1. Nothing, where the server does not know.
-- O(words). Safe to repeat.

local denied, at, place = {}, 1, 0
while at < #ARGV do
  local count = tonumber(ARGV[at])
  place = place + 1
  local is_known, is_allowed = pcall(redis.acl_check_cmd, unpack(ARGV, at + 1, at + count))
  if is_known and not is_allowed then
    denied[#denied + 1] = place
  end
  at = at + 1 + count
end
return denied
