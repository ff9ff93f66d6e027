import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selfSignedFiles } from '../support/certificate.js';
import { freePort } from '../support/free-port.js';
import { gantry, GantryProcess, type Exit } from '../support/gantry-process.js';
import { rsFrame } from '../support/rs-socket.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-rs-client-'));
const path = join(folder, 'wamp.sock');
const noPem = join(folder, 'no.pem');
writeFileSync(noPem, 'nothing');
const [server, client] = [selfSignedFiles(), selfSignedFiles()];
const urls: Record<string, string> = {};
let router: GantryProcess;
let callee: GantryProcess;

beforeAll(async () => {
  const tls = { certFile: server.certFile, keyFile: server.keyFile, clientCaFile: client.certFile };
  const [tcp, secure, jsonOnly] = [await freePort(), await freePort(), await freePort()];
  const file = join(folder, 'router.json');
  const config = {
    demo: { enabled: false },
    limits: { maxMessageBytes: 65_536 },
    listeners: [
      { type: 'rawsocket', port: tcp },
      { type: 'rawsocket', port: secure, tls },
      { type: 'rawsocket', path },
      { type: 'rawsocket', port: jsonOnly, serializers: ['json'], name: 'one', authMethods: ['anonymous'] },
    ],
  };
  writeFileSync(file, JSON.stringify(config));
  const words = ['start', '--config', file, '--port', '0', '--ops-port', '0', '--log-level', 'warn'];
  router = new GantryProcess(words);
  const ws = await router.ready();
  urls['ws'] = ws;
  urls['TCP'] = `rs://127.0.0.1:${tcp}`;
  urls['TLS'] = `rss://127.0.0.1:${secure}`;
  urls['a Unix socket'] = `rs+unix:${path}`;
  urls['one'] = `rs://localhost:${jsonOnly}/`;
  callee = new GantryProcess(['register', '--url', urls['a Unix socket'], '--serializer', 'cbor', 'com.example.echo']);
  await callee.printed('stderr', /registered/);
});
afterAll(async () => {
  for (const process of [callee, router]) {
    process.signal('SIGKILL');
    await process.exit;
  }
  for (const files of [server, client]) files.remove();
  rmSync(folder, { recursive: true });
});

const call = (url: string, ...words: string[]): Promise<Exit> =>
  gantry(['call', '--url', url, '--first', 'com.example.echo', ...words]);
const certificates = () => ['--ca-file', server.certFile, '--cert-file', client.certFile, '--key-file', client.keyFile];
const more = (place: string) => (place === 'TLS' ? certificates() : []);

describe.each(['TCP', 'TLS', 'a Unix socket'])('commands over RawSocket, by %s', (place) => {
  it.each(['json', 'msgpack', 'cbor'])('call with %s', async (serializer) => {
    const answer = await call(urls[place]!, '--serializer', serializer, ...more(place), 'x'.repeat(60_000));
    expect(answer).toMatchObject({ code: 0, stderr: '', stdout: `${'x'.repeat(60_000)}\n` });
  });

  it('subscribe, publish and read the meta API', async () => {
    const topic = 'com.example.news';
    const at = ['--url', urls[place]!, ...more(place)];
    const subscriber = new GantryProcess(['subscribe', ...at, topic, '--count', '1', '--serializer', 'msgpack']);
    await subscriber.printed('stderr', /subscribed/);
    expect(await gantry(['publish', ...at, topic, '1', 'two'])).toMatchObject({ code: 0, stderr: '' });
    const { code, stdout } = await subscriber.exit;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ topic, args: [1, 'two'] });
    expect(await gantry(['meta', ...at, 'session.count'])).toMatchObject({ code: 0 });
  });
});

describe('no connection over RawSocket', () => {
  it.each([
    ['rs://127.0.0.1', 'wants a port'],
    ['rs://127.0.0.1:8081/ws', 'a host and a port, and nothing else'],
    ['rs://:8081', 'is no URL such as'],
    ['rs+unix:', 'wants a path'],
    ['tcp://127.0.0.1:8081', 'is no URL such as'],
  ])('to %s: wrong usage', async (url, sentence) => {
    expect(await call(url)).toMatchObject({ code: 2, stderr: expect.stringContaining(sentence) as unknown });
  });

  it('with a cookie: wrong usage', async () => {
    expect(await call(urls['TCP']!, '--cookie', 'a=b')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('RawSocket has no cookies') as unknown,
    });
  });

  it.each<readonly [string, () => string, readonly string[], RegExp]>([
    ['nobody listens', () => `rs+unix:${folder}/nothing.sock`, [], /rs\+unix:.*: there is no socket at this path/],
    [
      'the listener does not offer the serializer',
      () => urls['one']!,
      ['--serializer', 'cbor'],
      /does not offer the serializer cbor/,
    ],
    [
      'the port is that of the WebSocket',
      () => urls['ws']!.replace(/^ws(.*)\/ws$/, 'rs$1'),
      [],
      /does not speak RawSocket|in place of an answer/,
    ],
    ['the port has TLS', () => urls['TLS']!.replace('rss', 'rs'), [], /does not speak RawSocket|in place of an answer/],
    ['the port has no TLS', () => urls['TCP']!.replace('rs', 'rss'), [], /has no TLS|the server closed the connection/],
    [
      'a file has no certificates',
      () => urls['TLS']!,
      ['--cert-file', noPem, '--key-file', noPem],
      /PEM|no start line/,
    ],
    ['the certificate is of another authority', () => urls['TLS']!, [], /self-signed certificate/],
  ])('where %s: exit code 3', async (_what, url, words, reason) => {
    const { code, stderr } = await call(url(), ...words);
    expect(stderr).toMatch(/^gantry: cannot connect to rs/);
    expect(stderr).toMatch(reason);
    expect(code).toBe(3);
  });

  it('does not send what is longer than the router takes', async () => {
    expect(await call(urls['TCP']!, 'x'.repeat(70_000))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/the message has 70\d\d\d bytes, and the router takes at most 65536/) as unknown,
    });
  });
});

/** What no router of ours answers. */
describe('a server that breaks the rules of RawSocket', () => {
  it.each([
    ['7f200000', /refused the longest message/],
    ['7f300000', /refused the handshake with error 3/],
    ['7f400000', /takes no further connection now/],
    ['7ff20000', /with another serializer/],
    ['7ff10001', /with reserved octets/],
    ['7ff10000ff000000', /a frame with a reserved bit or type/],
    ['48545450', /does not speak RawSocket/],
    ['7f', /in place of an answer/],
  ])('by %s: exit code 3, with the reason', async (hex, reason) => {
    const { code, stderr } = await callAt((socket) => socket.end(Buffer.from(hex, 'hex')));
    expect(stderr).toMatch(reason);
    expect(code).toBe(3);
  });

  it('and one that pings gets its PONG, between the parts of a message too (RS-6)', async () => {
    let seen = '';
    const welcome = rsFrame(JSON.stringify([2, 1, { roles: {} }]));
    const { code, stderr } = await callAt((socket) => {
      socket.on('data', (chunk: Buffer) => {
        seen += chunk.toString('latin1');
        if (seen.includes('\x02\x00\x00\x05hello')) socket.end(rsFrame('[3,{},"com.example.enough"]'));
      });
      socket.write(Buffer.concat([Buffer.from('7ff10000', 'hex'), welcome.subarray(0, 7)]));
      setImmediate(() => socket.write(Buffer.concat([welcome.subarray(7), rsFrame('hello', 1)])));
    });
    expect(stderr).toContain('com.example.enough');
    expect(code).toBe(3);
  });
});

/** A call to a server that does this with its connection once four octets have arrived. */
async function callAt(answer: (socket: Socket) => void): Promise<Exit> {
  const strange = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => answer(socket));
  });
  strange.listen(0, '127.0.0.1');
  await once(strange, 'listening');
  try {
    return await call(`rs://127.0.0.1:${(strange.address() as AddressInfo).port}`);
  } finally {
    strange.close();
  }
}
