import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MemoryHub } from '../../src/backplane/memory/hub.js';
import { parseConfig } from '../../src/config/load.js';
import { startNode, type RunningNode } from '../../src/node/node.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { Code } from '../../src/wamp/codes.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { findBridgeClient } from '../support/python.js';
import { RawClient } from '../support/raw-client.js';
import { RawHttp } from '../support/raw-http.js';
import { root } from '../support/root.js';

const KEY = { key: 'app', secret: 'kkjH68GiuUZ' };
const TOPIC = 'com.example.topic';

let node: RunningNode;
let port: number;
let client: RawClient;

beforeAll(async () => {
  const service = { realm: 'realm1', role: 'anonymous' };
  const config = parseConfig({
    listen: { port: 0 },
    httpBridge: [
      { ...service, type: 'publisher', path: '/publish', keys: [KEY] },
      { ...service, type: 'caller', path: '/call', keys: [KEY] },
      { ...service, type: 'publisher', path: '/open/publish' },
      { ...service, type: 'caller', path: '/open/call' },
    ],
    ops: { enabled: false },
    demo: { enabled: false },
    drain: { periodMs: 0 },
  });
  node = await startNode(config, { logger: silentLogger, backplane: () => new MemoryHub().join('n1' as NodeId) });
  port = Number(new URL(node.addresses.ws).port);
  client = await RawClient.join(node.addresses.ws);
});
afterAll(async () => {
  await client.close();
  await node.stop();
});

const folder = findBridgeClient();

describe.skipIf(folder === undefined)('crossbarhttp3', () => {
  const run = async (path: string, order: object): Promise<{ result?: unknown; error?: string }> => {
    const program = join(root, 'test/interop/clients/crossbarhttp3_client.py');
    const words = { url: `http://127.0.0.1:${port}${path}`, args: [], kwargs: {}, ...order };
    const { stdout } = await promisify(execFile)('python3', [program, JSON.stringify(words)], {
      env: { ...process.env, PYTHONPATH: folder },
    });
    return JSON.parse(stdout) as { result?: unknown; error?: string };
  };

  it.each([
    ['/publish', KEY],
    ['/open/publish', {}],
  ])('publishes at %s', async (path, key) => {
    const topic = `${TOPIC}${path.replaceAll('/', '.')}`;
    await client.subscribe(topic);
    const published = run(path, { ...key, do: 'publish', uri: topic, args: ['hi', 2, 'ü'], kwargs: { a: null } });
    const [, , publication, , args, kwargs] = await client.expect(Code.EVENT);
    expect([args, kwargs]).toEqual([['hi', 2, 'ü'], { a: null }]);
    expect(await published).toEqual({ result: publication });
  });

  it.each([
    ['/call', KEY],
    ['/open/call', {}],
  ])('calls at %s, and raises the errors of the call', async (path, key) => {
    const uri = `com.example.add${path.replaceAll('/', '.')}`;
    await client.register(uri);
    const order = { ...key, do: 'call', uri, args: [2, 3], kwargs: { unit: 'm' } };
    const called = run(path, order);
    const [, request, , , args, kwargs] = await client.expect(Code.INVOCATION);
    expect([args, kwargs]).toEqual([[2, 3], { unit: 'm' }]);
    client.send([Code.YIELD, request, {}, [5]]);
    expect(await called).toEqual({ result: 5 });
    const failing = run(path, order);
    const [, next] = await client.expect(Code.INVOCATION);
    client.send([Code.ERROR, Code.INVOCATION, next, {}, 'com.example.broken', ['text']]);
    expect(await failing).toEqual({ error: 'ClientCallRuntimeError' });
    expect(await run(path, { ...order, uri: 'com.example.nothing' })).toEqual({ error: 'ClientNoCalleeRegistered' });
  });

  it('raises an error of its own for a wrong signature, and for none', async () => {
    const order = { do: 'publish', uri: TOPIC };
    expect(await run('/publish', { ...order, ...KEY, secret: 'wrong' })).toEqual({ error: 'ClientSignatureError' });
    expect(await run('/publish', order)).toEqual({ error: 'ClientMissingParams' });
  });
});

/** The bytes of crossbarconnect: parameters, their order and escapes, and headers are those of its source. */
describe('the requests of crossbarconnect', () => {
  const sent: RawHttp[] = [];
  afterEach(() => {
    for (const one of sent.splice(0)) one.socket.destroy();
  });

  /** Resolves with the status line and the body. */
  const send = async (path: string, query: string, body: string): Promise<readonly [status: string, body: unknown]> => {
    const bytes =
      `POST ${path}?${query} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept-Encoding: identity\r\n` +
      `Content-Length: ${body.length}\r\nContent-type: application/json\r\nUser-agent: crossbarconnect-python\r\n\r\n${body}`;
    const http = new RawHttp(port, bytes);
    sent.push(http);
    const [head = '', text = ''] = (await http.closed).split('\r\n\r\n');
    return [head.split('\r\n')[0] ?? '', JSON.parse(text) as unknown];
  };
  const now = (): string => new Date().toISOString();
  const escaped = (timestamp: string): string => timestamp.replaceAll(':', '%3A');
  const BODY = `{"topic":"${TOPIC}.wire","args":["h\\u00fc",1.5],"kwargs":{"key":[null]}}`;

  it('publish with a signature', async () => {
    await client.subscribe(`${TOPIC}.wire`);
    for (let seq = 1; seq <= 2; seq++) {
      const [timestamp, nonce] = [now(), '9007199254740992'];
      const signature = createHmac('sha256', KEY.secret)
        .update(`${KEY.key}${timestamp}${seq}${nonce}${BODY}`)
        .digest('base64')
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replaceAll('=', '%3D');
      const query = `timestamp=${escaped(timestamp)}&seq=${seq}&key=${KEY.key}&nonce=${nonce}&signature=${signature}`;
      const [status, body] = await send('/publish', query, BODY);
      const [, , publication, , args, kwargs] = await client.expect(Code.EVENT);
      expect([args, kwargs]).toEqual([['hü', 1.5], { key: [null] }]);
      // Its Client accepts no other status than 202, which Crossbar.io does not send any more.
      expect([status, body]).toEqual(['HTTP/1.1 200 OK', { id: publication }]);
    }
  });

  it('publish without a signature, where the query still has a timestamp and a number', async () => {
    const topic = `${TOPIC}.unsigned`;
    await client.subscribe(topic);
    const query = `timestamp=${escaped(now())}&seq=1`;
    const [status, body] = await send('/open/publish', query, `{"topic":"${topic}","options":{"exclude":[1]}}`);
    const [, , publication] = await client.expect(Code.EVENT);
    expect([status, body]).toEqual(['HTTP/1.1 200 OK', { id: publication }]);
    expect((await send('/publish', query, `{"topic":"${topic}"}`))[0]).toBe('HTTP/1.1 400 Bad Request');
  });
});
