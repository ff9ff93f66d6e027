-- Retained events of a realm:
--   rows    <prefix>:{r:<realm>}:retained        hash: topic → row
--   order   <prefix>:{r:<realm>}:retained:order  sorted set: topic → place of its newest event among those of all topics
--   bytes   <prefix>:{r:<realm>}:retained:bytes  bytes of all topics and rows
-- A row is a MessagePack list: { 1, event, event, … }, the newest first; an event: { node that put it, its number there, when it
-- expires in ms since 1970 or 0, whether all receivers may have it, publication as ../../../kept-publication.ts writes it }.
local NODE, NUMBER, UNTIL, IS_FOR_ALL, PUBLICATION = 1, 2, 3, 4, 5

-- The events of a row that have not expired, and whether the row could be read. There is no row: no events, and true.
local function retained_events(packed, now)
  local events = {}
  if not packed then
    return events, true
  end
  local is_unpacked, row = pcall(cmsgpack.unpack, packed)
  if not is_unpacked or type(row) ~= 'table' or row[1] ~= 1 then
    return events, false
  end
  for at = 2, #row do
    local event = row[at]
    if event[UNTIL] == 0 or event[UNTIL] > now then
      events[#events + 1] = event
    end
  end
  return events, true
end
