import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createTicket } from '../../../../src/session/auth/ticket.js';
import { begin, challenged, principals } from './methods.js';

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();
const method = createTicket(
  principals({ joe: { ticketSha256: sha256('täglich') }, __proto__x: { ticketSha256: sha256('b') } }),
);

it('admits the ticket of the authid, and no other (AUT-4)', async () => {
  const step = await challenged(method, 'joe');
  expect(step.extra).toEqual({});
  expect(step.answer('täglich', {})).toMatchObject({ kind: 'granted', principal: { authid: 'joe', authrole: 'user' } });
  for (const wrong of ['', 'b', 'täglich ', 'TÄGLICH'])
    expect(step.answer(wrong, {})).toMatchObject({
      kind: 'refused',
      fault: { error: 'wamp.error.authentication_denied' },
    });
});

it('answers an unknown authid exactly as a wrong ticket (AUT-4)', async () => {
  const known = await challenged(method, 'joe');
  for (const authid of ['nobody', '__proto__', 'constructor', 'toString']) {
    const unknown = await challenged(method, authid);
    expect(unknown.extra).toEqual(known.extra);
    expect(await unknown.answer('b', {})).toEqual(await known.answer('b', {}));
  }
});

it('needs an authid', async () => {
  for (const authid of [undefined, ''])
    expect(await begin(method, authid)).toMatchObject({
      kind: 'refused',
      fault: { error: 'wamp.error.authentication_failed', message: expect.stringContaining('authid') as string },
    });
});
