import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError, type Answers } from '../../../src/backplane/backplane.js';
import { pack } from '../../../src/backplane/packr.js';
import { answersOf, type Answer, type Question } from '../../../src/backplane/question.js';
import { Questions } from '../../../src/backplane/questions.js';
import type { NodeId } from '../../../src/wamp/ids.js';

const A = 'a' as NodeId;
const B = 'b' as NodeId;
const C = 'c' as NodeId;

function packed(value: unknown): Uint8Array {
  return pack(value) as Uint8Array;
}

/** The questions of node A, with all that it sends and counts. */
class Scene {
  readonly sent: { readonly to: NodeId; readonly item: Question | Answer }[] = [];
  readonly counted: string[] = [];
  readonly timers: (() => void)[] = [];
  readonly questions = new Questions({
    node: A,
    after: (_delayMs, action) => {
      this.timers.push(action);
      return () => this.timers.splice(this.timers.indexOf(action), 1);
    },
    send: (to, item) => this.sent.push({ to, item }) > 0,
    serves: (realm) => realm === 'r',
    counts: {
      fate: (fate) => this.counted.push(fate),
      ignored: (cause) => this.counted.push(cause),
    },
  });

  ask(nodes: readonly NodeId[] = [B]): Promise<Answers> {
    return this.questions.ask(nodes, 'r', 'subject', null, 1_000);
  }

  answer(from: NodeId, body: Uint8Array, { number = 1, realm = 'r', hasMore = false } = {}): void {
    this.questions.receive(from, { kind: 'answer', realm, number, hasMore, body });
  }
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('answers of other nodes', () => {
  it.each([
    ['no list', packed({ 0: 0 })],
    ['no value', packed([0])],
    ['an unknown status', packed([99, 'x'])],
    ['a part that is no byte string', packed([1, 'text'])],
    ['bytes that are no value', Uint8Array.of(0xc1)],
    ['a part of something else', packed([1, Uint8Array.of(0xc1)])],
  ])('count as failed when they hold %s', async (_what, body) => {
    const scene = new Scene();
    const asked = scene.ask();
    scene.answer(B, body);
    expect(await asked).toEqual({ answers: [], unanswered: [{ node: B, why: 'failed' }] });
    expect(scene.counted).toEqual(['malformed', 'failed']);
  });

  it('count once, for the question and the node they belong to', async () => {
    const scene = new Scene();
    const asked = scene.ask([B, C]);
    scene.answer(B, packed([0, 'early']), { number: 2 });
    scene.answer(B, packed([0, 'elsewhere']), { realm: 'other' });
    scene.answer('d' as NodeId, packed([0, 'not asked']));
    scene.answer(B, packed([0, 'first']));
    scene.answer(B, packed([0, 'second']));
    scene.answer(C, packed([0, 'c']));
    scene.answer(C, packed([0, 'late']));
    expect(await asked).toEqual({
      answers: [
        { node: B, body: 'first' },
        { node: C, body: 'c' },
      ],
      unanswered: [],
    });
    expect(scene.counted.filter((count) => count === 'unexpected')).toHaveLength(5);
  });

  it('that come in parts are kept within a bound, also when the last part never comes', async () => {
    const scene = new Scene();
    const part = packed([1, new Uint8Array(65_000)]);
    const nodes = Array.from({ length: 40 }, (_, index) => `n${index}` as NodeId);
    const asked = scene.ask(nodes);
    for (const node of nodes) for (let i = 0; i < 16; i++) scene.answer(node, part, { hasMore: true });
    expect(scene.counted.filter((count) => count === 'failed').length).toBeGreaterThan(5);
    for (const timer of [...scene.timers]) timer();
    await asked;
    const again = scene.ask();
    const [one, two] = answersOf({ realm: 'r', number: 2 }, 'x'.repeat(70_000)) as [Answer, Answer];
    scene.questions.receive(B, one);
    scene.questions.receive(B, two);
    expect((await again).answers[0]?.body).toBe('x'.repeat(70_000));
  });

  it('that are longer than an answer may be count as failed', async () => {
    const scene = new Scene();
    const asked = scene.ask();
    const part = packed([1, new Uint8Array(65_000)]);
    for (let i = 0; i < 17; i++) scene.answer(B, part, { hasMore: true });
    expect((await asked).unanswered).toEqual([{ node: B, why: 'failed' }]);
  });
});

describe('questions', () => {
  it('wait in a bounded number, and each for a bounded time', async () => {
    const scene = new Scene();
    const asked = Array.from({ length: 256 }, () => scene.ask());
    await expect(scene.ask()).rejects.toThrow(BackplaneUnavailableError);
    for (const timer of [...scene.timers]) timer();
    for (const { unanswered } of await Promise.all(asked)) expect(unanswered).toEqual([{ node: B, why: 'timeout' }]);
    expect(scene.timers).toEqual([]);
  });

  it('of other nodes are answered in a bounded number at a time, and each in bounded time', async () => {
    const scene = new Scene();
    let askedCount = 0;
    scene.questions.connect({
      question: () => {
        askedCount++;
        return new Promise(() => undefined);
      },
    } as unknown as Parameters<Questions['connect']>[0]);
    for (let number = 1; number <= 300; number++)
      scene.questions.receive(B, { kind: 'question', realm: 'r', number, subject: 's', body: packed(null) });
    expect([askedCount, scene.sent.length]).toEqual([256, 44]);
    for (const timer of [...scene.timers]) timer();
    await settled();
    expect(scene.sent).toHaveLength(300);
    expect(new Set(scene.sent.map(({ item }) => Buffer.from(item.body).toString('hex')))).toEqual(new Set(['9103']));
  });

  it('whose body cannot be read are refused and counted', () => {
    const scene = new Scene();
    scene.questions.receive(B, { kind: 'question', realm: 'r', number: 1, subject: 's', body: Uint8Array.of(0xc1) });
    expect(scene.counted).toEqual(['malformed']);
    expect(scene.sent).toHaveLength(1);
  });
});
