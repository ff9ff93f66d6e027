import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.js';
import { cleanups } from '../support/cluster.js';
import { GantryProcess } from '../support/gantry-process.js';
import { HttpBalancer } from '../support/http-balancer.js';
import { RawClient } from '../support/raw-client.js';
import { sharedRedis } from '../support/redis.js';
import { freshUri } from './pairs.js';
import { callFromPage, stayOverLongPoll } from './clients/long-poll-in-page.js';

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
}

async function startNodes(count: number): Promise<Member[]> {
  const redis = await sharedRedis();
  later(() => redis.stop());
  const start = async (index: number): Promise<Member> => {
    const name = `n${index}`;
    const settings = {
      GANTRY_LISTEN_PORT: '0',
      GANTRY_OPS_ENABLED: 'false',
      GANTRY_DEMO_ENABLED: 'false',
      GANTRY_NODE_NAME: name,
      GANTRY_BACKPLANE_URL: redis.url,
      GANTRY_BACKPLANE_REDIS_PREFIX: redis.prefix,
    };
    const process = new GantryProcess(['start'], settings);
    later(() => process.signal('SIGKILL'));
    const ws = await process.ready();
    return { name, process, ws, http: ws.replace(/^ws/, 'http').replace(/\/ws$/, '') };
  };
  return Promise.all(Array.from({ length: count }, (_, index) => start(index)));
}

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
  const url = await page.evaluate<string>('transports.at(-1).url');
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
