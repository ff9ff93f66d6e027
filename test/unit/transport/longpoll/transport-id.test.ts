import { describe, expect, it } from 'vitest';
import { formatTransportId, newSecret, parseTransportId } from '../../../../src/transport/longpoll/transport-id.js';
import type { NodeId } from '../../../../src/wamp/ids.js';

describe('the id of a transport', () => {
  it('names its home and holds 144 random bits (LP-6)', () => {
    const secrets = new Set(Array.from({ length: 100 }, newSecret));
    expect(secrets.size).toBe(100);
    for (const secret of secrets) {
      const id = { home: 'gantry.a_b-1' as NodeId, secret };
      expect(Buffer.from(secret, 'base64url')).toHaveLength(18);
      expect(parseTransportId(formatTransportId(id))).toEqual(id);
      expect(encodeURIComponent(formatTransportId(id))).toBe(formatTransportId(id));
    }
  });

  it.each(['', '~', 'node', `node~${'a'.repeat(23)}`, `node~${'a'.repeat(25)}`, `~${'a'.repeat(24)}`])(
    'is not %j',
    (text) => expect(parseTransportId(text)).toBeUndefined(),
  );

  it.each([`no/de~${'a'.repeat(24)}`, `node~${'a'.repeat(23)}%`, `${'n'.repeat(129)}~${'a'.repeat(24)}`])(
    'is not %j either',
    (text) => expect(parseTransportId(text)).toBeUndefined(),
  );
});
