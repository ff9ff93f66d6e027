import fc from 'fast-check';
import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FUZZ_SEED, FuzzScene, inTarget } from '../../support/fuzz-scene.js';
import { lpPost } from '../../support/lp-socket.js';
import { mutated } from '../../support/mutations.js';
import { RawHttp } from '../../support/raw-http.js';
import { signedQuery } from '../../support/signed-request.js';

const KEY = { key: 'app', secret: 'kkjH68GiuUZ' };
const MAX_BYTES = 2_000;
const PATHS = ['/publish', '/call', '/open/publish', '/open/call', '/hook', '/token'];
const BODIES = [
  '{"topic":"com.example.topic","args":[1,"é",null],"kwargs":{"k":[true]},"options":{"exclude":[1]}}',
  '{"procedure":"wamp.session.count","args":[],"kwargs":{}}',
  '{"procedure":"com.example.nothing","args":[1.5e300,{"a":{"b":[[]]}}]}',
  `{"topic":"com.example.${'x'.repeat(MAX_BYTES)}"}`,
  'null',
].map((text) => Buffer.from(text));
const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'text/plain',
  'application/json;charset=latin1',
  ';',
];
const SIGNATURE = 'sha256=d42927434049e0b8c73ce887062238cc1c6bb6644bfe66e66d8dd0f30b85679e';

interface Sample {
  readonly node: number;
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
}

const text = (seeds: readonly string[]) =>
  mutated(seeds.map((seed) => Buffer.from(seed))).map((bytes) => bytes.toString('latin1'));
const inHeader = (value: string) => value.replace(/[^\x20-\x7e]/g, '?').trim();

const body = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...BODIES) },
  { weight: 4, arbitrary: mutated(BODIES) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
);
/** Signatures are made for the body, then changed or not. `nonce`: no two samples have the same. */
const signing = fc.record({
  isSigned: fc.boolean(),
  nonce: fc.integer({ min: 1, max: 2 ** 47 }).map(String),
  change: fc.option(fc.tuple(fc.nat(), fc.constantFrom('', '%', '&', '=', '%zz', '&seq=2', '\u00e9')), { freq: 3 }),
});
const headers = fc.record(
  {
    'content-type': fc.oneof(
      { weight: 4, arbitrary: fc.constant('application/json') },
      fc.constantFrom(...TYPES),
      text(TYPES).map(inHeader),
    ),
    authorization: fc.oneof(fc.constant('Bearer a.b.c'), text(['Bearer eyJhbGciOiJIUzI1NiJ9.e30.AA']).map(inHeader)),
    'x-hub-signature-256': fc.oneof(fc.constant(SIGNATURE), text([SIGNATURE]).map(inHeader)),
    origin: fc.constantFrom(...Array<string>(6).fill('https://pages.example'), 'null', 'x'),
  },
  { requiredKeys: ['content-type'] },
);
const samples: fc.Arbitrary<Sample> = fc
  .record({
    node: fc.nat(1),
    method: fc.oneof({ weight: 9, arbitrary: fc.constant('POST') }, fc.constantFrom('PUT', 'OPTIONS', 'GET', 'DELETE')),
    path: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...PATHS) },
      text(PATHS).map((path) => `/${inTarget(path).replaceAll('?', '')}`),
    ),
    body,
    signing,
    headers,
  })
  .map(({ signing: { isSigned, nonce, change }, ...rest }) => {
    const query = isSigned ? signedQuery(rest.body.toString('latin1'), { ...KEY, nonce }) : '';
    const [at, what] = change ?? [0, ''];
    const pos = at % (query.length + 1);
    return { ...rest, query: inTarget(`${query.slice(0, pos)}${what}${query.slice(pos + what.length)}`) };
  });

/** 505: the library answers what names another protocol than HTTP/1.1. */
const KNOWN = ['200', '202', '400', '401', '403', '404', '405', '408', '413', '431', '505'];
/** Heads whose length does not fit the body, and heads with a few bytes changed. */
const LENGTHS = [
  '0',
  '1',
  '5',
  '-1',
  '+5',
  '1e3',
  '0x10',
  '5, 5',
  '99999999999999999999',
  ' ',
  '5\r\nContent-Length: 6',
  '5\r\nTransfer-Encoding: chunked',
];
const honest = BODIES.slice(0, 3).map((one) => request(PATHS[2]!, String(one.length), one));
const chunked = Buffer.from(
  `POST /open/call HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2a\r\n{"procedure":"wamp.session.count","args":[\r\n2\r\n]}\r\n0\r\n\r\n`,
);
const wires = fc.oneof(
  fc
    .tuple(fc.constantFrom(...PATHS), fc.constantFrom(...LENGTHS), body)
    .map(([path, length, sent]) => request(path, length, sent)),
  mutated([...honest, chunked]),
);

function request(path: string, length: string, sent: Uint8Array): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), sent]);
}

let scene: FuzzScene;
beforeAll(async () => {
  const [realm, role, maxBodyBytes] = ['realm1', 'web', MAX_BYTES];
  scene = await FuzzScene.open({
    listen: { allowedOrigins: ['https://pages.example'] },
    realms: [
      {
        name: 'realm1',
        anonymousRole: 'web',
        roles: [
          {
            name: 'web',
            permissions: [
              { uri: '', match: 'prefix', allow: { call: true, register: true, publish: true, subscribe: true } },
            ],
          },
        ],
        auth: { jwt: { keys: [{ algorithm: 'HS256', secret: 'a secret of more than thirty-two characters' }] } },
      },
    ],
    httpBridge: [
      { type: 'publisher', path: '/publish', realm, role, keys: [KEY], maxBodyBytes },
      { type: 'caller', path: '/call', realm, role, keys: [KEY], maxBodyBytes },
      { type: 'publisher', path: '/open/publish', realm, role, maxBodyBytes },
      { type: 'caller', path: '/open/call', realm, role, errorStatus: 'http', maxBodyBytes },
      {
        type: 'webhook',
        path: '/hook',
        realm,
        role,
        topic: 'com.example.hook',
        signature: { header: 'x-hub-signature-256', prefix: 'sha256=', secret: 's3cr3t' },
        maxBodyBytes,
      },
      { type: 'caller', path: '/token', realm, role, bearer: true, maxBodyBytes },
    ],
  });
});
afterAll(() => scene.close());

describe(`the HTTP bridge, whatever arrives (seed ${FUZZ_SEED})`, () => {
  it('answers each request once, and names what is wrong with it', async () => {
    const statuses = new Map<number, number>();
    await scene.run(samples, 400, async ({ node, method, path, body: sent, query, headers: more }) => {
      const agent = new Agent();
      const target = scene.httpUrl(node, query === '' ? path : `${path}?${query}`);
      const answer = await lpPost(target, sent, { method, agent, headers: { ...more, 'content-length': sent.length } });
      agent.destroy();
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect(answer.status).toBeOneOf([200, 202, 400, 401, 403, 404, 405, 413]);
      if (answer.status >= 400) expect(reasonIn(answer.body.toString())).toMatch(/^[A-Z].*\.$|^wamp\.error\.[a-z_]+$/);
    });
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 403, 405, 413]));
    expectNoFailure();
  });

  it('ends what is no request, or has another length than it claims', async () => {
    const replies = new Map<string, number>();
    let node = 0;
    await scene.run(wires, 300, async (bytes) => {
      const client = new RawHttp(scene.port(node++ % 2));
      client.socket.end(bytes);
      const reply = await client.closed;
      for (const [, status = ''] of reply.matchAll(/^HTTP\/1\.1 (\d+)/gm)) {
        replies.set(status, (replies.get(status) ?? 0) + 1);
        expect(status).toBeOneOf(KNOWN);
      }
    });
    expect(replies.get('400')).toBeGreaterThan(10);
    expectNoFailure();
  });
});

/** The one sentence or URI of a refusal, whether its answer is JSON or text. */
function reasonIn(answer: string): string {
  return answer.startsWith('{') ? (JSON.parse(answer) as { error: string }).error : answer.trim();
}

/** No request came to an end that the bridge had not foreseen. */
function expectNoFailure(): void {
  for (const { counters } of scene.cluster.nodes)
    for (const [name, count] of Object.entries(counters.httpBridge))
      if (name.endsWith(',failed')) expect([name, count]).toEqual([name, 0]);
}
