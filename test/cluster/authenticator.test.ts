import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { cra, CREDENTIALS, logIn, ticket } from '../support/auth-clients.js';
import { Gatekeeper } from '../support/gatekeeper.js';
import { GantryProcess } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';
import { sharedRedis } from '../support/redis.js';

const PROCEDURE = 'com.example.authenticate';
/** Longer than others take to declare a node dead. */
const TIMEOUT_MS = 30_000;

let redis: Awaited<ReturnType<typeof sharedRedis>>;
let folder: string;
const nodes: GantryProcess[] = [];

beforeAll(async () => {
  redis = await sharedRedis();
  folder = mkdtempSync(join(tmpdir(), 'gantry-authenticator-'));
  const config = {
    limits: { handshakeTimeoutMs: 2 * TIMEOUT_MS },
    realms: [
      {
        name: 'realm1',
        roles: [{ name: 'user' }, { name: 'gate', permissions: [{ uri: PROCEDURE, allow: { register: true } }] }],
        auth: {
          ticket: { principals: { gatekeeper: { ticket: 'gate', role: 'gate' } } },
          wampcra: { type: 'dynamic', authenticator: PROCEDURE, timeoutMs: TIMEOUT_MS },
        },
      },
    ],
    backplane: { url: redis.url, redis: { prefix: redis.prefix } },
    ops: { enabled: false },
    demo: { enabled: false },
  };
  writeFileSync(join(folder, 'gantry.json'), JSON.stringify(config));
});

afterAll(async () => {
  for (const node of nodes) node.signal('SIGKILL');
  await Promise.all(nodes.map((node) => node.exit));
  await redis.stop();
  rmSync(folder, { recursive: true });
});

async function startNode(): Promise<{ readonly node: GantryProcess; readonly url: string }> {
  const node = new GantryProcess(['start', '--config', join(folder, 'gantry.json'), '--port', '0']);
  nodes.push(node);
  return { node, url: await node.ready() };
}

it('a client is sent away without ABORT when the node of its authenticator is killed, and admitted by the next one', async () => {
  const [here, there] = [await startNode(), await startNode()];
  const gate = await RawClient.connect(there.url);
  await logIn(gate, ticket('gatekeeper', 'gate'));
  const silent = await Gatekeeper.at(gate, PROCEDURE, () => 'silence');
  const client = await RawClient.connect(here.url);
  const startedMs = Date.now();
  const refused = expect(logIn(client, cra('ann'))).rejects.toThrow('closed');
  while (silent.asked.length === 0) await sleep(10);
  there.node.signal('SIGKILL');
  await refused;
  expect((await client.closed).code).toBe(1013);
  expect(Date.now() - startedMs).toBeLessThan(TIMEOUT_MS);

  const next = await RawClient.connect(here.url);
  await logIn(next, ticket('gatekeeper', 'gate'));
  await Gatekeeper.at(next, PROCEDURE, () => ({ result: { role: 'user', secret: CREDENTIALS.password } }));
  const again = await RawClient.connect(here.url);
  const [code, , details] = await logIn(again, cra('ann'));
  expect([code, details]).toMatchObject([Code.WELCOME, { authid: 'ann', authprovider: 'dynamic' }]);
  for (const one of [next, again]) one.drop();
});
