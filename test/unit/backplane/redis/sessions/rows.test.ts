import { expect, it } from 'vitest';
import { pack, unpack } from '../../../../../src/backplane/packr.js';
import { packSession, parseSession } from '../../../../../src/backplane/redis/sessions/rows.js';
import type { NodeId } from '../../../../../src/wamp/ids.js';
import { sessionOf } from '../../../../contract/backplane/samples.js';

const details = { ...sessionOf(), authextra: { name: 'Ann' } };
const row = unpack(packSession('a' as NodeId, 1, details)) as unknown[];
const parse = (...extra: unknown[]): unknown =>
  parseSession('com.realm', details.session, pack([...row.slice(0, -1), ...extra]) as Uint8Array);

it('a row has the authextra of the session, or none', () => {
  expect(parse(row.at(-1))).toMatchObject({ authextra: details.authextra });
  expect(parse(null)).not.toHaveProperty('authextra');
});

it('reads a row of a release that does not know authextra', () => {
  expect(parse()).toMatchObject({ session: details.session, authid: details.authid });
  expect(parse()).not.toHaveProperty('authextra');
});

it.each([7, 'no MessagePack', {}, Buffer.from(pack([1]) as Uint8Array).toString('base64')])(
  'a row whose authextra is %j has not the shape of its version',
  (extra) => expect(parse(extra)).toBe('shape'),
);
