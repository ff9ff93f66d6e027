-- The row of a procedure after callees have left. When only successors remain, the first becomes the callee, under its own
-- invocation policy.
local function inherited(row)
  local id, lines = string.match(row, '^1\n(%d+) %a+ %d+\n(.*)$')
  local heir, invoke, others = string.match(lines, '^([^\n]*) (%a%a%a%a+)\n(.*)$')
  if not heir or string.find(lines, ' [d-][t-]\n') then
    return row
  end
  return '1\n' .. id .. ' ' .. invoke .. ' 0\n' .. heir .. '\n' .. others
end
