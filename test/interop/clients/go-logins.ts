import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GantryProcess } from '../../support/gantry-process.js';
import type { GoProgram } from '../../support/go-program.js';

const REALM = 'com.example.app';
const PASSWORD = 'secret123';
const SEED = '4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510';
const PUBKEY = '1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d';

const RIGHT = [
  ['ticket', 'tim', PASSWORD],
  ['wampcra', 'carl', PASSWORD],
  ['wampcra', 'salma', PASSWORD],
  ['cryptosign', 'device7', SEED],
] as const;
const WRONG = [
  ['ticket', 'tim', 'another'],
  ['wampcra', 'salma', 'another'],
  ['cryptosign', 'device7', '0'.repeat(64)],
] as const;

/**
 * The output of the program's `login` with the right credentials of each method, and with wrong ones, at a router that has those
 * principals. `keylen`: of the salted WAMP-CRA key.
 */
export async function logIn(
  program: GoProgram,
  keylen: number,
): Promise<{ readonly right: readonly string[]; readonly wrong: readonly string[] }> {
  const file = join(program.folder, 'gantry.json');
  const ticketSha256 = createHash('sha256').update(PASSWORD).digest('hex');
  const auth = {
    ticket: { principals: { tim: { ticketSha256, role: 'user' } } },
    wampcra: {
      users: {
        carl: { secret: PASSWORD, role: 'user' },
        salma: { secret: PASSWORD, salt: 'salt123', iterations: 100, keylen, role: 'user' },
      },
    },
    cryptosign: { principals: { device7: { authorizedKeys: [PUBKEY], role: 'user' } } },
  };
  const permissions = [{ uri: '', match: 'prefix', allow: { call: true } }];
  const realm = { name: REALM, anonymousRole: null, roles: [{ name: 'user', permissions }], auth };
  writeFileSync(file, JSON.stringify({ realms: [realm], ops: { enabled: false }, demo: { enabled: false } }));
  const router = new GantryProcess(['start', '--config', file, '--port', '0']);
  try {
    const url = await router.ready();
    const login = async (words: readonly string[]): Promise<string> =>
      (await program.run('login', url, REALM, ...words)).join('\n');
    const [right, wrong]: [string[], string[]] = [[], []];
    for (const words of RIGHT) right.push(await login(words));
    for (const words of WRONG) wrong.push(await login(words));
    return { right, wrong };
  } finally {
    router.signal('SIGTERM');
    await router.exit;
  }
}
