-- Reads which nodes serve a realm, at which version: rows read afterwards are of that version or a later one.
-- KEYS[1]  realm version          <prefix>:{r:<realm>}:version
-- KEYS[2]  nodes that serve it    <prefix>:{r:<realm>}:nodes
-- Returns  version, then node and row by turns; a row is a MessagePack list of 1 and 'loading' or 'complete'.
-- O(nodes). Reads only.

return { tonumber(redis.call('GET', KEYS[1])) or 0, unpack(redis.call('HGETALL', KEYS[2])) }
