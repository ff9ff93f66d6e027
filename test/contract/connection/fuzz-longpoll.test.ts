import fc from 'fast-check';
import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS, HELLO } from '../../conformance/hostile-messages.js';
import { FUZZ_SEED, FuzzScene, inTarget } from '../../support/fuzz-scene.js';
import { lpPost, type LpAnswer } from '../../support/lp-socket.js';
import { mutated } from '../../support/mutations.js';
import { serializers } from '../../support/serializers.js';

const MAX_BYTES = 4_096;
const OFFERS = ['{"protocols":["wamp.2.json"]}', '{"protocols":["wamp.2.json.batched","wamp.2.cbor"]}'];

/** One request of a client. `transport`: which of those that it has opened, counted round. */
interface Step {
  readonly node: number;
  readonly method: string;
  readonly operation: string;
  readonly transport: number;
  readonly body: Uint8Array;
  /** Replaces the path below that of long-poll. */
  readonly path: string | undefined;
}

const messages = [HELLO, HELLO, ...CORPUS].map((message) => Buffer.from(serializers.json.encode(message)));
const body = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...messages) },
  { weight: 2, arbitrary: mutated([...messages, ...OFFERS.map((offer) => Buffer.from(offer))]) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  { weight: 1, arbitrary: fc.constantFrom(Buffer.alloc(MAX_BYTES + 1, 0x20), Buffer.alloc(9 * MAX_BYTES, 0x20)) },
);
const paths = ['/open', '/open/', '/open/x', '//open', '/../lp/open', `/n1~${'a'.repeat(24)}/receive`, '/x/send', ''];
const path = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(...paths) },
  {
    weight: 1,
    arbitrary: mutated(paths.map((one) => Buffer.from(one))).map((bytes) => inTarget(bytes.toString('latin1'))),
  },
);
const step: fc.Arbitrary<Step> = fc.record({
  node: fc.nat(1),
  method: fc.oneof({ weight: 12, arbitrary: fc.constant('POST') }, fc.constantFrom('GET', 'PUT', 'OPTIONS', 'HEAD')),
  operation: fc.constantFrom('open', 'receive', 'receive', 'send', 'send', 'send', 'close'),
  transport: fc.nat(3),
  body,
  path: fc.option(path, { freq: 8, nil: undefined }),
});
/** Mostly there is a transport first. */
const scripts = fc
  .tuple(fc.constantFrom(0, 1, 1, 1, 2), fc.array(step, { minLength: 1, maxLength: 8 }))
  .map(([count, steps]) => [...Array.from({ length: count }, (_, node) => opening(node)), ...steps]);

function opening(node: number): Step {
  return {
    node,
    method: 'POST',
    operation: 'open',
    transport: 0,
    body: Buffer.from(OFFERS[node]!),
    path: undefined,
  };
}

let scene: FuzzScene;
beforeAll(async () => {
  scene = await FuzzScene.open({
    limits: { maxMessageBytes: MAX_BYTES },
    longPoll: { receiveTimeoutMs: 500 },
  });
});
afterAll(() => scene.close());

describe(`long-poll, whatever arrives (seed ${FUZZ_SEED})`, () => {
  it('answers each request once, with a sentence where it refuses it, at whichever node (LP-6, LP-8)', async () => {
    const statuses = new Map<number, number>();
    await scene.run(scripts, 150, async (steps) => {
      for (const status of await statusesOf(steps)) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    });
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 204, 400, 404, 405, 413]));
  });
});

async function statusesOf(steps: readonly Step[]): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const ids: string[] = [];
  const polls: Promise<LpAnswer>[] = [];
  const statuses: number[] = [];
  const request = (node: number, below: string, sent: Uint8Array, method = 'POST') =>
    lpPost(scene.httpUrl(node, `/lp${below}`), sent, { agent, method, headers: { 'content-length': sent.length } });
  const judge = (answer: LpAnswer, method: string): void => {
    expect(answer.status).toBeOneOf([200, 204, 400, 404, 405, 413]);
    if (answer.status >= 400 && method !== 'HEAD') expect(answer.body.toString()).toMatch(/^[A-Z].*\.\n?$/);
    statuses.push(answer.status);
  };
  try {
    for (const { node, method, operation, transport, body: sent, path: other } of steps) {
      const id = ids.length === 0 ? 'none' : ids[transport % ids.length];
      const isOpen = operation === 'open' && other === undefined;
      const answered = request(node, other ?? (isOpen ? '/open' : `/${id}/${operation}`), sent, method);
      if (operation === 'receive' && other === undefined && method === 'POST') polls.push(answered);
      else {
        const answer = await answered;
        judge(answer, method);
        const opened = /"transport":"([^"]+)"/.exec(answer.body.toString());
        if (opened !== null) ids.push(opened[1]!);
      }
    }
    for (const id of ids) judge(await request(0, `/${id}/close`, Buffer.alloc(0)), 'POST');
    for (const poll of await Promise.all(polls)) judge(poll, 'POST');
  } finally {
    agent.destroy();
  }
  return statuses;
}
