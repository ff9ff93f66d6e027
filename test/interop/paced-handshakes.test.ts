import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { freePort } from '../support/free-port.js';
import { GantryProcess } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';
import { joinAutobahn } from './clients/autobahn-client.js';
import { joinWampy, type WampyOptions } from './clients/wampy-client.js';

const TOPIC = 'com.example.topic';
const FIRST_ADDRESS = '127.0.0.1';
const SECOND_ADDRESS = '127.0.0.2';
/** Longer than any machine takes to run these tests. */
const PATIENCE_MS = 120_000;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Router {
  readonly url: string;
  /** By RawSocket. */
  readonly rawUrl: string;
  /** By long-poll. */
  readonly pollUrl: string;
  metric(name: string): Promise<number>;
  reload(limits: object): Promise<void>;
}

/** A process of its own, so that the clients of this one do not share its turns. */
async function start(limits: object): Promise<Router> {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-paced-'));
  ends.push(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'gantry.json');
  const rawPort = await freePort();
  const write = (current: object): void => {
    const config = {
      limits: { handshakeTimeoutMs: PATIENCE_MS, ...current },
      listeners: [{ type: 'rawsocket', host: FIRST_ADDRESS, port: rawPort }],
    };
    writeFileSync(file, JSON.stringify(config));
  };
  write(limits);
  const router = new GantryProcess(['start', '--config', file, '--port', '0', '--ops-port', '0']);
  ends.push(async () => {
    router.signal('SIGKILL');
    await router.exit;
  });
  const url = await router.ready();
  const [, operations = ''] = await router.printed('stdout', /operations +(\S+)/);
  return {
    url,
    rawUrl: `rs://${FIRST_ADDRESS}:${rawPort}`,
    pollUrl: url.replace(/^ws/, 'lp').replace(/ws$/, 'lp'),
    metric: async (name) => {
      const page = await (await fetch(new URL('/metrics', operations))).text();
      const line = page.split('\n').find((each) => each.startsWith(`${name} `));
      return Number(line?.slice(name.length + 1));
    },
    reload: async (next) => {
      write(next);
      router.signal('SIGHUP');
      await router.printed('stderr', /"config\.reloaded"/);
    },
  };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

/** wampy with connections from the second address. */
class FromElsewhere extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { localAddress: SECOND_ADDRESS });
  }
}

describe('limits.maxHandshakesPerSecond', { timeout: PATIENCE_MS }, () => {
  it('admits hundreds that come at once, fair between addresses, while the events of others go on', async () => {
    const [manyCount, fewCount] = [200, 40];
    const router = await start({ maxHandshakesPerSecond: 1 });
    const subscriber = await joinAutobahn(router.url, 'json');
    const publisher = await joinWampy(router.url, 'json');
    const joined: unknown[] = [];
    const events: unknown[] = [];
    await subscriber.subscribe('wamp.session.on_join', ({ args }) =>
      joined.push((args[0] as { session: number }).session),
    );
    await subscriber.subscribe(TOPIC, ({ args }) => events.push(args[0]));
    const waitingCount = (): Promise<number> => router.metric('gantry_waiting_handshakes');

    const many = Array.from({ length: manyCount }, () => joinAutobahn(router.url, 'json'));
    await until(async () => joined.length + (await waitingCount()) >= manyCount);
    const few = Array.from({ length: fewCount }, () =>
      joinWampy(router.url, 'json', { ws: FromElsewhere as unknown as NonNullable<WampyOptions['ws']> }),
    );
    await until(async () => joined.length + (await waitingCount()) >= manyCount + fewCount);
    await publisher.publish(TOPIC, { args: ['during'] });
    await until(() => Promise.resolve(events.includes('during')));
    expect(await waitingCount()).toBeGreaterThan(0);

    const before = joined.length;
    await router.reload({ maxHandshakesPerSecond: 500 });
    const clients = await Promise.all([...many, ...few]);
    await until(() => Promise.resolve(joined.length === manyCount + fewCount));
    // In turn: for each of the few one of the many, while both wait.
    const sessionsOfFew = new Set<unknown>(clients.slice(manyCount).map(({ session }) => session));
    const isOfFew = joined.slice(before).map((session) => sessionsOfFew.has(session));
    const untilLast = isOfFew.slice(0, isOfFew.lastIndexOf(true) + 1);
    expect(Math.abs(untilLast.length - 2 * untilLast.filter(Boolean).length)).toBeLessThanOrEqual(4);
    expect(await router.metric('gantry_handshakes_total{outcome="waited"}')).toBeGreaterThan(fewCount);
    for (const client of [...clients, subscriber, publisher]) await client.leave();
  });

  it('holds for every transport, and one address leaves room for another', async () => {
    const router = await start({ maxHandshakesPerSecond: 1, maxWaitingHandshakes: 6 });
    const urls = [router.rawUrl, router.url, router.pollUrl].flatMap((url) => [url, url, url, url]);
    const clients = await Promise.all(urls.map((url) => RawClient.connect(url)));
    ends.push(() => clients.forEach((client) => client.drop()));
    const hellos = Promise.allSettled(clients.map((client) => client.hello()));
    await until(async () => (await router.metric('gantry_handshakes_total{outcome="refused"}')) > 0);
    const elsewhere = await joinWampy(router.url, 'json', {
      ws: FromElsewhere as unknown as NonNullable<WampyOptions['ws']>,
    });
    await elsewhere.leave();
    const admitted = (await hellos).filter(({ status }) => status === 'fulfilled').length;
    expect(admitted).toBeGreaterThanOrEqual(4);
    expect(await router.metric('gantry_handshakes_total{outcome="refused"}')).toBe(urls.length - admitted);
    const closed = 'gantry_connections_closed_total{cause="full"}';
    await until(async () => (await router.metric(closed)) === urls.length - admitted);
  });
});
