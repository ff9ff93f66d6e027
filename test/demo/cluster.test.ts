import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { GantryProcess } from '../support/gantry-process.js';
import { sharedRedis, type SharedRedis } from '../support/redis.js';
import { button, COUNTING, LIVE, NOBODY_COUNTS, showsNotice, shows } from './stage.js';

let redis: SharedRedis;
let browser: Browser;
let ports: number[];
const nodes: GantryProcess[] = [];

async function startNode(port: number): Promise<GantryProcess> {
  const node = new GantryProcess(
    [
      '--port',
      String(port),
      '--ops-port',
      '0',
      '--set',
      'drain.periodMs=0',
      '--set',
      `backplane.redis.prefix=${redis.prefix}`,
    ],
    { GANTRY_BACKPLANE_URL: redis.url },
  );
  nodes.push(node);
  await node.ready();
  return node;
}

beforeAll(async () => {
  redis = await sharedRedis();
  ports = [await freePort(), await freePort(), await freePort()];
  [browser] = await Promise.all([launchChromium(), ...ports.map(startNode)]);
});
afterAll(async () => {
  await browser.close();
  for (const node of nodes) {
    node.signal('SIGKILL');
    await node.exit;
  }
  await redis.stop();
});

async function open(port: number | undefined, path = ''): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`http://127.0.0.1:${port}/${path}`);
  return page;
}

it('counts in one node what is voted on others, and comes back when a node does', async () => {
  const [one, other] = [await open(ports[1]), await open(ports[2])];
  for (const page of [one, other]) await showsNotice(page, NOBODY_COUNTS);
  const backEnd = await open(ports[0], 'backend.html');
  await showsNotice(backEnd, COUNTING);
  for (const page of [one, other]) await showsNotice(page, LIVE);
  await button(one, 'lemon').click();
  await button(other, 'banana').click();
  for (const page of [one, other]) await shows(page, [1, 0, 1]);

  const leaving = nodes[1]!;
  leaving.signal('SIGTERM');
  expect(await leaving.exit).toMatchObject({ code: 0 });
  await button(other, 'chocolate').click();
  await shows(other, [1, 1, 1]);
  await startNode(ports[1]!);
  await shows(one, [1, 1, 1]);
});
