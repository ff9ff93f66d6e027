import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { launchChromium } from '../support/chromium.js';
import { cleanups } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { GantryProcess } from '../support/gantry-process.js';
import { findHaproxy, Haproxy } from '../support/haproxy.js';
import { HttpBalancer } from '../support/http-balancer.js';
import { RawClient } from '../support/raw-client.js';
import { sharedRedis } from '../support/redis.js';
import { freshUri } from './pairs.js';
import { callFromPage, noteNumbersOverLongPoll, stayOverLongPoll, type Life } from './clients/long-poll-in-page.js';

const later = cleanups();
let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

interface Member {
  readonly name: string;
  readonly process: GantryProcess;
  readonly ws: string;
  readonly http: string;
  readonly opsPort: number;
}

async function startNodes(count: number): Promise<Member[]> {
  const redis = await sharedRedis();
  later(() => redis.stop());
  const start = async (index: number): Promise<Member> => {
    const name = `n${index}`;
    const opsPort = await freePort();
    const settings = {
      GANTRY_LISTEN_PORT: '0',
      GANTRY_OPS_PORT: String(opsPort),
      GANTRY_DEMO_ENABLED: 'false',
      GANTRY_NODE_NAME: name,
      GANTRY_BACKPLANE_URL: redis.url,
      GANTRY_BACKPLANE_REDIS_PREFIX: redis.prefix,
    };
    const process = new GantryProcess(['start'], settings);
    later(() => process.signal('SIGKILL'));
    const ws = await process.ready();
    return { name, process, ws, http: ws.replace(/^ws/, 'http').replace(/\/ws$/, ''), opsPort };
  };
  return Promise.all(Array.from({ length: count }, (_, index) => start(index)));
}

/** A window of its own, as browsers open six connections at most to one address. */
async function pageAt(url: string, script: string): Promise<Page> {
  // Any answer of the router is a page of its origin, without the policy that forbids it all scripts.
  const page = await browser.newPage({ bypassCSP: true });
  later(() => page.close());
  await page.goto(url);
  await page.addScriptTag({ path: createRequire(import.meta.url).resolve(`${script}/autobahn.min.js`) });
  return page;
}

/** The node that has the newest transport of a page. */
async function homeOf(page: Page): Promise<string> {
  return nodeIn(await page.evaluate<string>('transports.at(-1).url'));
}

/** The home that the address of a transport names. */
function nodeIn(url: string): string {
  return /\/lp\/(n\d)-[^/]*$/.exec(url)?.[1] ?? url;
}

describe('autobahn-js in Chromium over long-poll', () => {
  it.each(['autobahn-browser'])(
    '%s is called and receives events at any node of three, and returns when the node of its transport is killed (LP-8)',
    async (library) => {
      const nodes = await startNodes(3);
      const balancer = await HttpBalancer.start(nodes.map(({ http }) => http));
      later(() => balancer.stop());
      // A page of another origin: the browser asks before each request (LP-7).
      const page = await pageAt(`${nodes[0]!.http}/`, library);
      const topic = freshUri();
      expect(await page.evaluate(stayOverLongPoll, { url: `${balancer.url}/lp`, topic })).toBe('longpoll');
      expect(Math.min(...balancer.counts)).toBeGreaterThan(0);

      const home = await homeOf(page);
      const other = await RawClient.join(nodes.find(({ name }) => name !== home)!.ws);
      later(() => other.drop());
      await exchange(page, other, topic, 0, 50);

      nodes.find(({ name }) => name === home)!.process.signal('SIGKILL');
      await page.waitForFunction('joins === 2');
      expect(await homeOf(page)).not.toBe(home);
      await exchange(page, other, topic, 1, 10);
    },
  );

  it('keeps a session that is idle for longer than a poll (LP-2)', async () => {
    const nodes = await startNodes(2);
    const balancer = await HttpBalancer.start(nodes.map(({ http }) => http));
    later(() => balancer.stop());
    const page = await pageAt(`${balancer.url}/`, 'autobahn-browser');
    const topic = freshUri();
    await page.evaluate(stayOverLongPoll, { url: `${balancer.url}/lp`, topic });
    let emptyPolls = 0;
    page.on('response', (response) => {
      if (response.url().endsWith('/receive') && response.status() === 204) emptyPolls++;
    });
    await expect.poll(() => emptyPolls, { timeout: 60_000 }).toBe(2);
    const other = await RawClient.join(nodes[1]!.ws);
    later(() => other.drop());
    await exchange(page, other, topic, 0, 3);
    expect(await page.evaluate('joins')).toBe(1);
  });
});

it('autobahn-js in Chromium has a session over long-poll at a further listener', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const listener = { name: 'pages', type: 'websocket', port, allowedOrigins: [url], longPoll: { path: '/poll' } };
  const process = new GantryProcess(['start'], {
    GANTRY_LISTEN_PORT: '0',
    GANTRY_LONG_POLL_ENABLED: 'false',
    GANTRY_OPS_ENABLED: 'false',
    GANTRY_LISTENERS: JSON.stringify([listener]),
  });
  later(() => process.signal('SIGKILL'));
  const other = await RawClient.join(await process.ready());
  later(() => other.drop());
  const page = await pageAt(`${url}/`, 'autobahn-browser');
  const topic = freshUri();
  expect(await page.evaluate(stayOverLongPoll, { url: `${url}/poll`, topic })).toBe('longpoll');
  await exchange(page, other, topic, 0, 5);
});

/** `count` events to the page in order, a call of its procedure, and a call by it. */
async function exchange(page: Page, other: RawClient, topic: string, join: number, count: number): Promise<void> {
  const texts = Array.from({ length: count }, (_, index) => `${join}.${index}`);
  for (const text of texts) await other.publishAcknowledged(topic, [text]);
  await page.waitForFunction(`events.includes('${join}.${count - 1}')`);
  const events = await page.evaluate<string[]>('events');
  expect(events.filter((text) => text.startsWith(`${join}.`))).toEqual(texts);

  const call = other.call(`${topic}.join.${join}`, ['one', 'two']);
  expect((await other.receive()).slice(1)).toEqual([call, {}, ['one two']]);

  const procedure = freshUri();
  await other.register(procedure);
  const result = page.evaluate(callFromPage, { procedure, args: [7] });
  const [, invocation, , , args] = await other.receive();
  other.send([70, invocation, {}, args]);
  expect(await result).toBe(7);
}

const HAPROXY = findHaproxy();
const PACE_MS = 20;
if (HAPROXY !== undefined)
  describe('autobahn-js in Chromium without WebSocket, through HAProxy over three nodes', () => {
    it.each([
      { place: 'any node', isSticky: false },
      { place: 'the home, as docs/long-poll.md shows', isSticky: true },
    ])(
      'no session misses an event in its middle when a node is killed; requests go to $place (LP-8)',
      async ({ isSticky }) => {
        const nodes = await startNodes(3);
        const servers = nodes.map(({ name, ws, opsPort }) => ({ name, port: Number(new URL(ws).port), opsPort }));
        const rules = isSticky ? servers.map(({ name }) => `use-server ${name} if { path_beg /lp/${name}- }`) : [];
        const haproxy = await Haproxy.start(HAPROXY, servers, rules);
        later(() => haproxy.stop());
        const topic = freshUri();
        const audience = await Audience.cover(nodes, haproxy.url, topic);
        expect(Object.values(await haproxy.requests()).every((count) => count > 0)).toBe(true);
        expect(await passedOn(nodes)).toEqual(isSticky ? 0 : expect.toSatisfy((count: number) => count > 0));

        const [killed, survivor] = nodes as [Member, Member, Member];
        const publisher = await RawClient.join(survivor.ws);
        later(() => publisher.drop());
        const published: number[] = [];
        let next = 0;
        const publishUntil = async (isDone: () => Promise<boolean>): Promise<void> => {
          do {
            // While the cluster is in doubt about a node, it refuses acknowledged publications.
            publisher.request(Code.PUBLISH, { acknowledge: true }, topic, [next]);
            if ((await publisher.receive())[0] === Code.PUBLISHED) published.push(next);
            next++;
            // autobahn-js receives one message per round trip.
            await setTimeout(PACE_MS);
          } while (!(await isDone()));
        };
        await publishUntil(() => Promise.resolve(published.length > 20));
        killed.process.signal('SIGKILL');
        // A transport of another home ends up to 5 s later, if the killed node was just passing on a poll of it.
        const mark = next;
        await publishUntil(() => audience.follows(mark));
        await publishUntil(() => Promise.resolve(published.at(-1) === next - 1));
        await audience.receive(next - 1);

        for (const { lives, failed } of await audience.members()) {
          for (const { url, numbers, end } of lives) {
            const known = numbers.filter((number) => published.includes(number));
            const from = published.indexOf(known[0]!);
            expect(known).toEqual(published.slice(from, from + known.length));
            const mayEnd = nodeIn(url) === killed.name || failed.some((address) => address.startsWith(url));
            expect(end).toBe(mayEnd ? 'lost' : undefined);
          }
          const [first] = lives;
          if (first?.end === undefined) expect(first?.numbers).toEqual(expect.arrayContaining(published));
        }
      },
    );
  });

/** Requests that nodes have passed on to the home of their transport. */
async function passedOn(nodes: readonly Member[]): Promise<number> {
  const pages = nodes.map(async ({ opsPort }) => (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text());
  const counts = (await Promise.all(pages)).flatMap((page) => [
    ...page.matchAll(/^gantry_long_poll_requests_total\{.*place="elsewhere".*\} (\d+)$/gm),
  ]);
  expect(counts.length).toBeGreaterThan(0);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Pages that note the numbers which they receive. */
class Audience {
  readonly #pages: { readonly page: Page; readonly failed: string[] }[] = [];

  /** At least one page for each node, which is its home. */
  static async cover(nodes: readonly Member[], url: string, topic: string): Promise<Audience> {
    const audience = new Audience();
    while (new Set(await audience.homes()).size < nodes.length) {
      const page = await pageAt(`${url}/`, 'autobahn-browser');
      const failed: string[] = [];
      page.on('response', (response) => {
        if (response.status() >= 400) failed.push(response.url());
      });
      page.on('requestfailed', (request) => failed.push(request.url()));
      await page.evaluate(noteNumbersOverLongPoll, { url, topic });
      audience.#pages.push({ page, failed });
    }
    return audience;
  }

  /** The lives of each page, and the addresses of its requests that failed. */
  members(): Promise<{ lives: Life[]; failed: string[] }[]> {
    return Promise.all(
      this.#pages.map(async ({ page, failed }) => ({ lives: await page.evaluate<Life[]>('lives'), failed })),
    );
  }

  /** The home of the session that each page has now. Empty: it has none. */
  async homes(): Promise<string[]> {
    const members = await this.members();
    return members
      .map(({ lives }) => lives.at(-1))
      .map((life) => (life?.end === undefined ? nodeIn(life?.url ?? '') : ''));
  }

  /** Whether the session that each page has now has received the number or a later one. */
  async follows(number: number): Promise<boolean> {
    const members = await this.members();
    return members.every(({ lives }) => {
      const life = lives.at(-1);
      return life !== undefined && life.end === undefined && life.numbers.some((received) => received >= number);
    });
  }

  /** Resolves when each page has received the number. */
  async receive(number: number): Promise<void> {
    const waiting = async (): Promise<Life[]> => {
      const members = await this.members();
      return members.map(({ lives }) => lives.at(-1)!).filter(({ numbers }) => !numbers.includes(number));
    };
    await expect.poll(waiting, { timeout: 60_000 }).toEqual([]);
  }
}
