import { expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import { renderConfig } from '../../../src/config/render.js';
import type { ConfigInput } from '../../../src/config/schema.js';
import { adviceOn } from '../../../src/cli/advice.js';

type Auth = NonNullable<NonNullable<ConfigInput['realms']>[number]['auth']>;

const HEX = 'ab'.repeat(32);
const everything = { uri: '', match: 'prefix', allow: { call: true } } as const;

function realmWith(auth: Auth, anonymousRole: string | null = null): ConfigInput {
  return { realms: [{ name: 'a', anonymousRole, roles: [{ name: 'user', permissions: [everything] }], auth }] };
}

const ticket: Auth = { ticket: { principals: { joe: { ticket: 'x', role: 'user' } } } };

it('takes every method', () => {
  const keys = { salt: 'ab'.repeat(16), storedKey: HEX, serverKey: HEX, role: 'user' };
  const config = parseConfig(
    realmWith({
      ticket: { principals: { joe: { ticket: 'x', role: 'user' }, ann: { ticketSha256: HEX, role: 'user' } } },
      wampcra: { users: { joe: { secret: 'x', role: 'user' }, ann: { derivedKey: 'k', salt: 's', role: 'user' } } },
      wampScram: { principals: { joe: { kdf: 'pbkdf2', iterations: 4_096, ...keys } } },
      scram: { principals: { joe: { kdf: 'argon2id', iterations: 3, memoryKiB: 65_536, ...keys } } },
      cryptosign: { principals: { joe: { authorizedKeys: [HEX], role: 'user' } } },
    }),
  );
  expect(config.realms[0]?.auth?.wampcra?.users['ann']).toMatchObject({ iterations: 1_000, keylen: 32 });
  expect(adviceOn(config)).toEqual([]);
});

it.each<[fault: string, auth: Auth]>([
  ['realms[0].auth.ticket.principals: Invalid input: expected at least one authid', { ticket: { principals: {} } }],
  ['joe: Invalid input: expected either ticket or ticketSha256', { ticket: { principals: { joe: { role: 'user' } } } }],
  [
    'joe: Invalid input: expected either ticket or ticketSha256',
    { ticket: { principals: { joe: { ticket: 'x', ticketSha256: HEX, role: 'user' } } } },
  ],
  [
    'joe.ticketSha256: Invalid value: expected 32 bytes as 64 hexadecimal digits',
    { ticket: { principals: { joe: { ticketSha256: 'abc', role: 'user' } } } },
  ],
  [
    'realms[0].auth.ticket.principals.joe.role: There is no role "admin" in this realm',
    { ticket: { principals: { joe: { ticket: 'x', role: 'admin' } } } },
  ],
  ['joe: Invalid input: derivedKey needs the salt', { wampcra: { users: { joe: { derivedKey: 'k', role: 'user' } } } }],
  ['joe.keylen: ', { wampcra: { users: { joe: { secret: 'x', salt: 's', keylen: 30, role: 'user' } } } }],
  [
    'joe: Invalid input: argon2id needs memoryKiB',
    {
      scram: {
        principals: {
          joe: { kdf: 'argon2id', iterations: 3, salt: 'ab'.repeat(16), storedKey: HEX, serverKey: HEX, role: 'user' },
        },
      },
    },
  ],
  [
    'joe.authorizedKeys[0]: Invalid value: expected 32 bytes',
    { cryptosign: { principals: { joe: { authorizedKeys: ['ab'], role: 'user' } } } },
  ],
])('names what is wrong: %s', (fault, auth) => {
  expect(() => parseConfig(realmWith(auth))).toThrow(fault);
});

it('suggests a key near one that does not exist, also below an authid', () => {
  const auth = { ticket: { principals: { joe: { tiket: 'x', role: 'user' } } } } as unknown as Auth;
  expect(() => parseConfig(realmWith(auth))).toThrow('did you mean "ticket"?');
});

it('masks secrets wherever they stand', () => {
  const secret = 'open-sesame';
  const text = renderConfig(
    parseConfig({
      ...realmWith({
        ticket: { principals: { joe: { ticket: secret, role: 'user' } } },
        wampcra: { users: { joe: { secret, role: 'user' }, ann: { derivedKey: secret, salt: 'salty', role: 'user' } } },
      }),
      backplane: { url: `redis://user:${secret}@localhost`, redis: { password: secret } },
    }),
  );
  expect(text).not.toContain(secret);
  expect(text).toContain('salty');
});

it('advises on tickets that other machines can see', () => {
  expect(adviceOn(parseConfig(realmWith(ticket)))).toEqual([]);
  const exposed = adviceOn(parseConfig({ ...realmWith(ticket), listen: { host: '0.0.0.0' } }));
  expect(exposed).toEqual([expect.stringContaining('realms[0].auth.ticket: tickets cross the network in the clear')]);
});
