import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryHub } from '../../../src/backplane/memory/hub.js';
import { parseConfig } from '../../../src/config/load.js';
import { startNode, type RunningNode } from '../../../src/node/node.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { Code } from '../../../src/wamp/codes.js';
import type { NodeId } from '../../../src/wamp/ids.js';
import { RawClient } from '../../support/raw-client.js';
import { RawHttp } from '../../support/raw-http.js';
import { signedQuery } from '../../support/signed-request.js';

const KEY = { key: 'app', secret: 'kkjH68GiuUZ' };
const BODY = '{"topic":"com.example.topic"}';

let directory: string;
let node: RunningNode;
let port: number;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-encoding-'));
  for (const name of ['ü', '\ufffd']) writeFileSync(join(directory, `${name}.txt`), `file ${name}`);
  const service = { realm: 'realm1', role: 'anonymous' };
  const config = parseConfig({
    listen: { port: 0 },
    console: { enabled: true },
    web: { paths: { '/files': { type: 'static', directory } } },
    httpBridge: [
      { ...service, type: 'events', path: '/events' },
      { ...service, type: 'publisher', path: '/publish' },
      { ...service, type: 'caller', path: '/call' },
      { ...service, type: 'publisher', path: '/signed', keys: [KEY] },
      { ...service, type: 'webhook', path: '/hook', topic: 'com.example.hook' },
    ],
    ops: { enabled: false },
    drain: { periodMs: 0 },
  });
  node = await startNode(config, { logger: silentLogger, backplane: () => new MemoryHub().join('n1' as NodeId) });
  port = Number(new URL(node.addresses.ws).port);
});
afterAll(async () => {
  await node.stop();
  rmSync(directory, { recursive: true });
});

/** `target`: its characters are the bytes that are sent. Resolves with the status, and head and body as text. */
async function ask(target: string, method = 'GET', body = ''): Promise<{ status: number; body: string }> {
  const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const http = new RawHttp(port, Buffer.from(`${head}${body}`, 'latin1'));
  const begin = await http.until('\r\n\r\n');
  // An event stream has no end.
  const whole = begin.includes('text/event-stream') ? begin : await http.closed;
  http.socket.destroy();
  return { status: Number(whole.slice(9, 12)), body: Buffer.from(whole, 'latin1').toString() };
}

const BROKEN = ['%ff', '%C3', '%C0%AF', '%ED%A0%80', '%', '%2', '%zz', '\xff', '\xc3', 'a\x80b'];

describe('bytes that are not UTF-8 in the target of a request', () => {
  it.each(BROKEN)('are refused in the query of the bridge with 400: %j', async (bytes) => {
    for (const [target, method, body] of [
      [`/events?topic=com.example.${bytes}`, 'GET', ''],
      [`/events?topic=com.example.topic&${bytes}=1`, 'GET', ''],
      [`/publish?x=${bytes}`, 'POST', BODY],
      [`/call?x=${bytes}`, 'POST', '{"procedure":"com.example.nothing"}'],
      [`/signed?${signedQuery(BODY, KEY)}&x=${bytes}`, 'POST', BODY],
    ] as const) {
      const answer = await ask(target, method, body);
      expect(answer, target).toMatchObject({ status: 400, body: expect.stringContaining('UTF-8') as string });
    }
  });

  it.each(BROKEN)('name no file, no page and no transport: %j', async (bytes) => {
    for (const [target, method] of [
      [`/files/${bytes}.txt`, 'GET'],
      [`/console/${bytes}`, 'GET'],
      [`/${bytes}`, 'GET'],
      [`/lp/${bytes}/receive`, 'POST'],
    ] as const)
      expect(await ask(target, method), target).toMatchObject({ status: 404 });
  });

  it('change nothing where the query is ignored: webhooks and long-poll', async () => {
    expect(await ask('/hook?x=%ff', 'POST', 'text')).toMatchObject({ status: 202 });
    expect(await ask('/lp/open?x=%ff', 'POST', '{"protocols":["wamp.2.json"]}')).toMatchObject({ status: 200 });
    expect(await ask('/files/%C3%BC.txt?x=%ff')).toMatchObject({ status: 200 });
  });
});

it('what is UTF-8 names its topic and file, with escapes and without', async () => {
  const publisher = await RawClient.join(node.addresses.ws);
  for (const [bytes, topic] of [
    ['%C3%BC', 'com.example.ü'],
    ['\xc3\xbc', 'com.example.ü'],
    ['%EF%BF%BD', 'com.example.\ufffd'],
  ] as const) {
    const http = new RawHttp(
      port,
      Buffer.from(`GET /events?topic=com.example.${bytes} HTTP/1.1\r\nHost: x\r\n\r\n`, 'latin1'),
    );
    expect((await http.until('\r\n\r\n')).slice(9, 12)).toBe('200');
    const id = await publisher.publishAcknowledged(topic, ['here']);
    expect(await http.until('"here"')).toContain(`id: ${id}\n`);
    http.socket.destroy();
  }
  for (const [bytes, text] of [
    ['%C3%BC', 'file ü'],
    ['\xc3\xbc', 'file ü'],
    ['%EF%BF%BD', 'file \ufffd'],
  ] as const)
    expect(await ask(`/files/${bytes}.txt`)).toMatchObject({
      status: 200,
      body: expect.stringContaining(text) as string,
    });
  await publisher.close();
});

it('a WebSocket opens whatever its query has: the router ignores it', async () => {
  const client = await RawClient.connect(`${node.addresses.ws}?x=%ff`);
  client.send([Code.HELLO, 'realm1', { roles: { caller: {} } }]);
  expect((await client.receive())[0]).toBe(Code.WELCOME);
  await client.close();
});
