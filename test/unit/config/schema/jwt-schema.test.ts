import { expect, it } from 'vitest';
import { parseConfig } from '../../../../src/config/load.js';

const withKeysAt = (jwksUrl: string) =>
  parseConfig({ realms: [{ name: 'r', roles: [{ name: 'user' }], anonymousRole: null, auth: { jwt: { jwksUrl } } }] });

it('the address of published keys has no user name and no password, which would show in logs', () => {
  expect(withKeysAt('https://login.example.com/keys').realms[0]?.auth?.jwt).toHaveLength(1);
  for (const user of ['joe', 'joe:secret', ':secret'])
    expect(() => withKeysAt(`https://${user}@login.example.com/keys`)).toThrow(/no user name and no password/);
});
