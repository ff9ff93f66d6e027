import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createHmac } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { MemoryHub } from '../../src/backplane/memory/hub.js';
import { parseConfig } from '../../src/config/load.js';
import { startNode, type RunningNode } from '../../src/node/node.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { launchChromium } from '../support/chromium.js';
import { EventStreamClient } from '../support/event-stream.js';
import { freePort } from '../support/free-port.js';
import { RawClient } from '../support/raw-client.js';

const SECRET = 'a secret of more than thirty-two characters';
const TOPIC = 'com.example.kept';
let directory: string;
let browser: Browser;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-events-'));
  writeFileSync(join(directory, 'index.html'), '<!doctype html><script src="app.js"></script>');
  writeFileSync(
    join(directory, 'app.js'),
    `globalThis.seen = [];
     const source = new EventSource('/events?topic=${TOPIC}');
     source.onopen = () => seen.push('open');
     source.onmessage = ({ data }) => seen.push(JSON.parse(data).args[0]);
     source.addEventListener('gap', () => seen.push('gap'));`,
  );
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
  rmSync(directory, { recursive: true });
});

function start(hub: MemoryHub, name: string, port: number): Promise<RunningNode> {
  const permissions = [
    { uri: '', match: 'prefix' as const, allow: { call: true, register: true, publish: true, subscribe: true } },
  ];
  const config = parseConfig({
    listen: { port },
    ops: { enabled: false },
    demo: { enabled: false },
    drain: { periodMs: 0 },
    realms: [
      {
        name: 'realm1',
        anonymousRole: 'anonymous',
        roles: [{ name: 'anonymous', permissions }],
        auth: { jwt: { keys: [{ algorithm: 'HS256', secret: SECRET }] } },
        history: [{ uri: TOPIC }],
      },
    ],
    httpBridge: [
      { type: 'events', path: '/events', realm: 'realm1', role: 'anonymous' },
      { type: 'events', path: '/private', realm: 'realm1', role: 'anonymous', bearer: true },
    ],
    web: { paths: { '/': { type: 'static', directory } } },
  });
  return startNode(config, { logger: silentLogger, backplane: () => hub.join(name as NodeId) });
}

function token(validForS: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { exp: Math.floor(Date.now() / 1_000) + validForS, sub: 'joe', role: 'anonymous' };
  const text = `${part({ alg: 'HS256' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

it('EventSource in Chromium goes on behind its last event when its node has been away', async () => {
  const hub = new MemoryHub();
  const port = await freePort();
  const first = await start(hub, 'n1', port);
  const other = await start(hub, 'n2', 0);
  onTestFinished(() => other.stop());
  const publisher = await RawClient.join(other.addresses.ws);
  onTestFinished(() => publisher.close());
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  const seen = (count: number) => expect.poll(() => page.evaluate('seen.length'), { timeout: 60_000 }).toBe(count);
  await page.goto(`http://127.0.0.1:${port}/`);
  await seen(1);
  await publisher.publishAcknowledged(TOPIC, ['live']);
  await seen(2);
  await first.stop();
  await publisher.publishAcknowledged(TOPIC, ['missed']);
  const again = await start(hub, 'n3', port);
  onTestFinished(() => again.stop());
  await seen(4);
  await publisher.publishAcknowledged(TOPIC, ['after']);
  await seen(5);
  expect(await page.evaluate('seen')).toEqual(['open', 'live', 'open', 'missed', 'after']);
});

it('a stream ends with the token that opened it', async () => {
  const node = await start(new MemoryHub(), 'n1', 0);
  onTestFinished(() => node.stop());
  const url = `${node.addresses.ws.replace('ws:', 'http:').replace(/\/ws$/, '')}/private?topic=${TOPIC}`;
  expect((await EventStreamClient.open(url)).status).toBe(401);
  let stream: EventStreamClient | undefined;
  // On a busy machine the first token may expire before it arrives.
  for (let validForS = 3; stream?.status !== 200; validForS *= 2) {
    expect(validForS).toBeLessThan(100);
    stream = await EventStreamClient.open(url, { authorization: `Bearer ${token(validForS)}` });
  }
  expect(await stream.next()).toBeUndefined();
});

it('a stream lasts as long as a token that is valid for months', async () => {
  const node = await start(new MemoryHub(), 'n1', 0);
  onTestFinished(() => node.stop());
  const url = `${node.addresses.ws.replace('ws:', 'http:').replace(/\/ws$/, '')}/private?topic=${TOPIC}`;
  // More than the timers of Node.js can take.
  const stream = await EventStreamClient.open(url, { authorization: `Bearer ${token(60 * 24 * 3_600)}` });
  expect(stream.status).toBe(200);
  const publisher = await RawClient.join(node.addresses.ws);
  onTestFinished(() => publisher.close());
  for (const text of ['one', 'two']) {
    const id = await publisher.publishAcknowledged(TOPIC, [text]);
    expect(await stream.next()).toMatchObject({ id: String(id) });
  }
  stream.close();
});
