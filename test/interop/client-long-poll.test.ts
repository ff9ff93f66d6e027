import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selfSignedFiles } from '../support/certificate.js';
import { gantry, GantryProcess, type Exit } from '../support/gantry-process.js';
import { HttpBalancer } from '../support/http-balancer.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-lp-client-'));
const server = selfSignedFiles();
const addresses: Record<string, string> = {};
const processes: GantryProcess[] = [];
let balancer: HttpBalancer;

async function startRouter(name: string, tls: object): Promise<void> {
  const file = join(folder, `${name}.json`);
  const realm = {
    name: 'realm1',
    anonymousRole: 'public',
    auth: { ticket: { principals: { joe: { ticket: 'open sesame', role: 'public' } } } },
    roles: [
      {
        name: 'public',
        permissions: [
          { uri: '', match: 'prefix', allow: { call: true, register: true, publish: true, subscribe: true } },
        ],
      },
    ],
  };
  const config = {
    listen: { port: 0, ...tls },
    demo: { enabled: false },
    ops: { port: 0 },
    realms: [realm],
    limits: { maxMessageBytes: 65_536 },
  };
  writeFileSync(file, JSON.stringify(config));
  const router = new GantryProcess(['start', '--config', file, '--log-level', 'warn']);
  processes.push(router);
  addresses[name] = (await router.ready()).replace(/^ws/, 'http').replace(/\/ws$/, '/lp');
}

beforeAll(async () => {
  await startRouter('HTTP', {});
  await startRouter('TLS', { tls: { certFile: server.certFile, keyFile: server.keyFile } });
  balancer = await HttpBalancer.start([addresses['HTTP']!.replace(/\/lp$/, '')]);
  addresses['a proxy that refuses WebSockets'] = `${balancer.url}/lp/`;
  for (const name of ['HTTP', 'TLS']) {
    const callee = new GantryProcess(['register', ...at(name), 'com.example.echo']);
    processes.push(callee);
    await callee.printed('stderr', /registered/);
  }
});
afterAll(async () => {
  balancer.stop();
  for (const process of processes) {
    process.signal('SIGKILL');
    await process.exit;
  }
  server.remove();
  rmSync(folder, { recursive: true });
});

const at = (name: string): string[] => [
  '--url',
  addresses[name]!,
  ...(name === 'TLS' ? ['--ca-file', server.certFile] : []),
];
const call = (words: readonly string[]): Promise<Exit> => gantry(['call', '--first', 'com.example.echo', ...words]);

describe.each(['HTTP', 'TLS', 'a proxy that refuses WebSockets'])('commands over long-poll, by %s', (name) => {
  it.each(['json', 'msgpack', 'cbor'])('call with %s', async (serializer) => {
    const text = 'x'.repeat(60_000);
    const answer = await call([...at(name), '--serializer', serializer, text]);
    expect(answer).toMatchObject({ code: 0, stderr: '', stdout: `${text}\n` });
  });

  it('subscribe, publish and read the meta API, with a ticket', async () => {
    const topic = 'com.example.news';
    const words = [...at(name), '--authid', 'joe', '--ticket', 'open sesame'];
    const subscriber = new GantryProcess(['subscribe', ...words, topic, '--count', '2', '--serializer', 'msgpack']);
    await subscriber.printed('stderr', /subscribed/);
    expect(await gantry(['publish', ...words, topic, '1', 'two'])).toMatchObject({ code: 0, stderr: '' });
    expect(await gantry(['publish', ...words, topic, '3', '-o', 'acknowledge=false'])).toMatchObject({
      code: 0,
      stderr: '',
    });
    const { code, stdout } = await subscriber.exit;
    expect(code).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(events).toMatchObject([
      { topic, args: [1, 'two'] },
      { topic, args: [3] },
    ]);
    expect(await gantry(['meta', ...words, 'session.count'])).toMatchObject({ code: 0 });
  });
});

describe('no session over long-poll', () => {
  it('without a path: wrong usage', async () => {
    expect(await call(['--url', 'http://127.0.0.1:8080'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('wants its path: http://127.0.0.1:8080/lp') as unknown,
    });
  });

  it.each<readonly [string, () => string[], RegExp]>([
    ['nobody listens', () => ['--url', 'http://127.0.0.1:1/lp'], /nothing accepts connections/],
    [
      'the path is another',
      () => ['--url', addresses['HTTP']!.replace('/lp', '/nothing')],
      /no HTTP long-poll at this address \(HTTP 40[45]\)/,
    ],
    [
      'the port has no TLS',
      () => ['--url', addresses['HTTP']!.replace('http', 'https')],
      /has no TLS|closed the connection/,
    ],
    ['the certificate is of another authority', () => ['--url', addresses['TLS']!], /self-signed certificate/],
    [
      'the ticket is wrong',
      () => [...at('HTTP'), '--authid', 'joe', '--ticket', 'no'],
      /wamp\.error\.authentication_denied/,
    ],
    [
      'the message is too long',
      () => [...at('HTTP'), 'x'.repeat(70_000)],
      /payload_size_exceeded|too long|maxMessageBytes/,
    ],
  ])('where %s: exit code 3, with the reason', async (_what, words, reason) => {
    const { code, stderr } = await call(words());
    expect(stderr).toMatch(reason);
    expect(code).toBe(3);
  });
});

/** What no router of ours answers. */
describe('a server that breaks the rules of long-poll', () => {
  const opened = JSON.stringify({ protocol: 'wamp.2.json', transport: 'abc' });

  it.each<readonly [string, Record<string, readonly [number, string]>, RegExp]>([
    ['no JSON', { open: [200, 'hello'] }, /no HTTP long-poll at this address/],
    ['another serializer', { open: [200, '{"protocol":"wamp.2.cbor","transport":"abc"}'] }, /no HTTP long-poll/],
    [
      'a transport that is no name',
      { open: [200, '{"protocol":"wamp.2.json","transport":"../a"}'] },
      /no HTTP long-poll/,
    ],
    ['a redirect', { open: [302, ''] }, /answered HTTP 302/],
    ['a refusal', { open: [503, 'Too many connections.'] }, /answered HTTP 503: Too many connections\./],
    ['an end of the transport', { open: [200, opened], receive: [404, ''] }, /has ended the transport/],
    [
      'a failure of its proxy',
      { open: [200, opened], receive: [502, 'Bad Gateway'] },
      /answered HTTP 502: Bad Gateway/,
    ],
    ['what is not JSON', { open: [200, opened], receive: [200, '[2,'] }, /what is not json/],
    ['no batch', { open: [200, opened.replace('json', 'json.batched')], receive: [200, '[]'] }, /what is not a batch/],
    [
      'a failure of a send',
      { open: [200, opened], receive: [204, ''], send: [503, 'unreachable'] },
      /answered HTTP 503/,
    ],
  ])('by %s: exit code 3, with the reason', async (_what, answers, reason) => {
    const { code, stderr } = await callAt((request, response) => {
      const [status, body] = answers[/\w+$/.exec(request.url ?? '')?.[0] ?? ''] ?? [204, ''];
      response.writeHead(status).end(status === 204 ? undefined : body);
    });
    expect(stderr).toMatch(reason);
    expect(code).toBe(3);
  });
});

async function callAt(answer: RequestListener): Promise<Exit> {
  const strange = createServer(answer).listen(0, '127.0.0.1');
  await once(strange, 'listening');
  try {
    return await call(['--url', `http://127.0.0.1:${(strange.address() as AddressInfo).port}/lp`]);
  } finally {
    strange.close();
  }
}
