import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from 'autobahn';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { autobahnConnection } from '../interop/clients/autobahn-client.js';
import { root } from '../support/root.js';
import { ThreeNodes } from './harness/three-nodes.js';

interface Memory {
  last?: number;
}
type Follow = (session: Session, memory: Memory, handle: (args: readonly unknown[]) => void) => Promise<void>;

const page = readFileSync(join(root, 'docs/retention-and-history.md'), 'utf8');
const [recipe = ''] = [...page.matchAll(/^```js\n(async function follow.*?)^```/gms)].map(([, text]) => text);
/** The text of the page, as it stands there. */
// eslint-disable-next-line @typescript-eslint/no-implied-eval -- the page is part of this repository
const follow = new Function(`${recipe}; return follow;`)() as Follow;

let cluster: ThreeNodes;
let closers: (() => void)[] = [];

beforeEach(async () => {
  closers = [];
  const allow = { call: true, publish: true, subscribe: true };
  cluster = await ThreeNodes.start({
    realms: [
      {
        name: 'realm1',
        roles: [{ name: 'anonymous', permissions: [{ uri: '', match: 'prefix', allow }] }],
        history: [{ uri: 'com.example.orders.', match: 'prefix', limit: 100_000 }],
      },
    ],
  });
});

afterEach(async () => {
  for (const close of closers) close();
  await cluster.stop();
});

/** `lost`: the connection has ended. */
function openAt(node: number): Promise<{ readonly session: Session; readonly lost: Promise<void> }> {
  const connection = autobahnConnection(cluster.url(node), 'json');
  closers.push(() => {
    if (connection.isOpen) connection.close();
  });
  return new Promise((resolve, reject) => {
    const lost = new Promise<void>((ended) => {
      connection.onclose = (reason) => {
        ended();
        reject(new Error(reason));
        return true;
      };
    });
    connection.onopen = (session) => resolve({ session, lost });
    connection.open();
  });
}

it('a client whose node is killed under load misses nothing that was acknowledged, by the recipe of the page (HIS-2)', async () => {
  const acknowledged: number[] = [];
  const publishing = { isOver: false };
  const { session: publisher } = await openAt(1);
  const publishAll = async (): Promise<void> => {
    for (let number = 0; !publishing.isOver; number++) {
      const sent = publisher.publish(`com.example.orders.n${number % 3}`, [number], {}, { acknowledge: true });
      await Promise.resolve(sent).then(
        () => acknowledged.push(number),
        () => undefined,
      );
    }
  };

  const handled: number[] = [];
  const memory: Memory = {};
  const handle = ([number]: readonly unknown[]): void => void handled.push(Number(number));
  const first = await openAt(0);
  await follow(first.session, memory, handle);
  const done = publishAll();
  await expect.poll(() => handled.length, { timeout: 20_000 }).toBeGreaterThan(100);

  cluster.signal(0, 'SIGKILL');
  await first.lost;
  const countAtDeath = acknowledged.length;
  await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(countAtDeath + 100);
  const second = await openAt(2);
  await follow(second.session, memory, handle);
  await sleep(500);
  publishing.isOver = true;
  await done;

  await expect.poll(() => handled.at(-1), { timeout: 20_000 }).toBeGreaterThanOrEqual(acknowledged.at(-1)!);
  expect(handled).toEqual([...new Set(handled)].sort((one, other) => one - other));
  const isHandled = new Set(handled);
  expect(acknowledged.filter((number) => !isHandled.has(number))).toEqual([]);
});
