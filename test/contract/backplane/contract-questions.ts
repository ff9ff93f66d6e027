import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError, MessageTooLargeError, type Answers } from '../../../src/backplane/backplane.js';
import type { InScene } from './describe-backplane.js';
import type { NodeUnderTest } from './node-under-test.js';
import { cancelOf, OTHER_REALM, REALM } from './samples.js';

const LONG = { timeoutMs: 60_000 };
const NEVER = new Promise<unknown>(() => undefined);

type Three = [NodeUnderTest, NodeUnderTest, NodeUnderTest];

function ask(node: NodeUnderTest, body: unknown = null, options = LONG): Promise<Answers> {
  return node.backplane.ask(REALM, 'sample', body, options);
}

function sorted({ answers, unanswered }: Answers): unknown {
  const byNode = (one: { node: string }, other: { node: string }): number => (one.node < other.node ? -1 : 1);
  return { answers: [...answers].sort(byNode), unanswered: [...unanswered].sort(byNode) };
}

const MIB = 1_048_576;

/** Questions to one node, whatever realms it serves. */
export function nodeQuestionContract(inScene: InScene): void {
  describe('a question to one node', () => {
    it(
      'is answered by that node alone, also when the two serve no common realm',
      inScene(async ({ nodes, node }) => {
        const [asker, third] = (await nodes(2)) as [NodeUnderTest, NodeUnderTest];
        const asked = await node(OTHER_REALM);
        third.answer = () => Promise.reject(new Error('it was not asked'));
        asked.answer = (from, realm, subject, body) => Promise.resolve([from, realm, subject, body]);
        const body = [1, 'text', new Uint8Array([1, 2])];
        expect(await asker.backplane.askNode(asked.id, 'sample', body, LONG)).toEqual({
          answers: [{ node: asked.id, body: [asker.id, '', 'sample', body] }],
          unanswered: [],
        });
      }),
    );

    it(
      'may have an answer of several MiB, and waits beside as many as there are',
      inScene(async ({ nodes }) => {
        const [asker, asked] = (await nodes(2)) as [NodeUnderTest, NodeUnderTest];
        const waiting: ((value: unknown) => void)[] = [];
        const large = new Uint8Array(3 * MIB).fill(7);
        asked.answer = (_from, _realm, subject) =>
          subject === 'large' ? Promise.resolve(large) : new Promise((resolve) => waiting.push(resolve));
        const many = Array.from({ length: 600 }, () => asker.backplane.askNode(asked.id, 'small', null, LONG));
        const { answers } = await asker.backplane.askNode(asked.id, 'large', null, LONG);
        expect(Buffer.compare(answers[0]?.body as Uint8Array, large)).toBe(0);
        expect(waiting).toHaveLength(600);
        for (const resolve of waiting) resolve('here');
        for (const one of await Promise.all(many)) expect(one.answers).toEqual([{ node: asked.id, body: 'here' }]);
      }),
    );

    it(
      'ends without an answer: nobody knows the node or the subject, the node fails, is too slow, or dies',
      inScene(async ({ nodes, cluster }) => {
        const [asker, asked] = (await nodes(2)) as [NodeUnderTest, NodeUnderTest];
        const why = async (node: NodeUnderTest['id'], timeoutMs = 60_000): Promise<unknown> => {
          const { answers, unanswered } = await asker.backplane.askNode(node, 'sample', null, { timeoutMs });
          expect(answers).toEqual([]);
          return unanswered[0]?.why;
        };
        expect(await why('nobody' as NodeUnderTest['id'])).toBe('gone');
        expect(await why(asked.id)).toBe('unsupported');
        asked.answer = () => Promise.reject(new Error('a reason that stays on its node'));
        expect(await why(asked.id)).toBe('failed');
        const begun: (() => void)[] = [];
        asked.answer = () => {
          for (const begin of begun.splice(0)) begin();
          return NEVER;
        };
        expect(await why(asked.id, 100)).toBe('timeout');
        const isAsked = new Promise<void>((resolve) => begun.push(resolve));
        const ended = why(asked.id);
        await isAsked;
        await cluster.kill(asked.id);
        expect(await ended).toBe('gone');
      }),
    );
  });
}

/** Questions to the nodes of a realm. */
export function questionContract(inScene: InScene): void {
  describe('a question', () => {
    it(
      'is answered by every node that serves the realm, the asking one included, and by no other',
      inScene(async ({ nodes, node }) => {
        const all = await nodes(3);
        const outside = await node(OTHER_REALM);
        const body = { list: [1, -0, 2n ** 70n, 'text', new Uint8Array([1, 2])], ['__proto__']: { deep: null } };
        for (const one of [...all, outside])
          one.answer = (from, realm, subject, asked) => Promise.resolve([one.id, from, realm, subject, asked]);
        for (const asker of all)
          expect(sorted(await ask(asker, body))).toEqual(
            sorted({
              answers: all.map(({ id }) => ({ node: id, body: [id, asker.id, REALM, 'sample', body] })),
              unanswered: [],
            }),
          );
        await expect(ask(outside)).rejects.toThrow(BackplaneUnavailableError);
      }),
    );

    it(
      'has every answer that is not larger than 1 MiB, and no larger one',
      inScene(async ({ nodes }) => {
        const [one, two, three] = (await nodes(3)) as Three;
        const large = 'x'.repeat(1_048_576 - 10);
        one.answer = () => Promise.resolve('y'.repeat(65_536));
        two.answer = () => Promise.resolve(large);
        three.answer = () => Promise.resolve(`${large}${large}`);
        const { answers, unanswered } = await ask(one);
        expect(new Map(answers.map(({ node, body }) => [node, String(body).length]))).toEqual(
          new Map([
            [one.id, 65_536],
            [two.id, large.length],
          ]),
        );
        expect(answers.find(({ node }) => node === two.id)?.body).toBe(large);
        expect(unanswered).toEqual([{ node: three.id, why: 'failed' }]);
        await expect(ask(one, 'x'.repeat(65_537))).rejects.toThrow(MessageTooLargeError);
        await expect(ask(one, Symbol('no value'))).rejects.toThrow(TypeError);
      }),
    );

    it(
      'names the nodes that do not know its subject, that fail, and that take too long',
      inScene(async ({ nodes }) => {
        const [asker, failing, slow, unaware] = (await nodes(4)) as [...Three, NodeUnderTest];
        asker.answer = () => Promise.resolve(undefined);
        failing.answer = () => Promise.reject(new Error('a reason that stays on its node'));
        slow.answer = () => NEVER;
        expect(sorted(await ask(asker, null, { timeoutMs: 2_000 }))).toEqual(
          sorted({
            answers: [{ node: asker.id, body: null }],
            unanswered: [
              { node: failing.id, why: 'failed' },
              { node: slow.id, why: 'timeout' },
              { node: unaware.id, why: 'unsupported' },
            ],
          }),
        );
      }),
    );

    it(
      'waits no longer for a node that dies, leaves, or stops to serve the realm',
      inScene(async ({ nodes, cluster }) => {
        const [asker, dying, leaving, withdrawing] = (await nodes(4)) as [...Three, NodeUnderTest];
        const asked = new Set<string>();
        asker.answer = () => Promise.resolve('here');
        const askedTo = (one: NodeUnderTest, answer: Promise<unknown>): void => {
          one.answer = () => {
            asked.add(one.id);
            return answer;
          };
        };
        for (const one of [dying, leaving]) askedTo(one, NEVER);
        askedTo(withdrawing, Promise.resolve('here'));
        const answers = ask(asker);
        // A node that stops to serve the realm before it has the question refuses it.
        while (asked.size < 3) await new Promise((resolve) => setTimeout(resolve, 1));
        await withdrawing.backplane.withdraw(REALM);
        await cluster.kill(dying.id);
        await leaving.backplane.stop();
        const { unanswered } = await answers;
        expect(sorted({ answers: [], unanswered })).toEqual(
          sorted({ answers: [], unanswered: [dying, leaving].map(({ id }) => ({ node: id, why: 'gone' })) }),
        );
        expect(await ask(asker)).toEqual({ answers: [{ node: asker.id, body: 'here' }], unanswered: [] });
      }),
    );

    it(
      'waits no longer for nodes that cannot be reached, and has the own answer all the same',
      inScene(async ({ nodes, cluster }) => {
        const [asker, other, third] = (await nodes(3)) as Three;
        for (const one of [asker, other, third]) one.answer = () => Promise.resolve('here');
        other.answer = () => NEVER;
        const before = ask(asker);
        await third.catchUpWith(asker);
        await asker.catchUpWith(third);
        await cluster.isolate(asker.id);
        await asker.until((self) => self.all('down').length > 0);
        expect((await before).unanswered).toEqual([{ node: other.id, why: 'unreachable' }]);
        expect(sorted(await ask(asker))).toEqual(
          sorted({
            answers: [{ node: asker.id, body: 'here' }],
            unanswered: [other, third].map(({ id }) => ({ node: id, why: 'unreachable' })),
          }),
        );
      }),
    );

    it(
      'ends with the node that asks',
      inScene(async ({ nodes }) => {
        const [asker, other] = (await nodes(2)) as Three;
        asker.answer = () => Promise.resolve('here');
        other.answer = () => NEVER;
        const refused = expect(ask(asker)).rejects.toThrow(BackplaneUnavailableError);
        await asker.backplane.stop();
        await refused;
        await expect(ask(asker)).rejects.toThrow(BackplaneUnavailableError);
      }),
    );

    it(
      'arrives behind the frames that were sent before it (ORD-1)',
      inScene(async ({ nodes }) => {
        const [asker, other] = (await nodes(2)) as Three;
        asker.answer = () => Promise.resolve(0);
        other.answer = () => Promise.resolve(other.all('frame').length);
        for (let sent = 1; sent <= 3; sent++) {
          asker.backplane.bus.send(other.id, REALM, cancelOf(asker.id));
          const { answers } = await ask(asker);
          expect(answers).toContainEqual({ node: other.id, body: sent });
        }
      }),
    );
  });
}
