import { beforeEach, describe, expect, it } from 'vitest';
import { RingWatch } from '../../../../../src/backplane/redis/membership/ring-watch.js';
import { BackplaneUnavailableError } from '../../../../../src/backplane/backplane.js';
import type { NodeId } from '../../../../../src/wamp/ids.js';
import { settled } from '../../../../support/lanes-under-test.js';

const name = (number: number): NodeId => `n-${String(number).padStart(3, '0')}` as NodeId;

/** Nodes on a ring, each of which knows the others. */
class Ring {
  readonly dead = new Set<NodeId>();
  readonly watches = new Map<NodeId, RingWatch>();
  readonly found = new Map<NodeId, NodeId[]>();
  readonly events: string[] = [];
  readonly asked: (readonly NodeId[])[] = [];
  known: Set<NodeId>;
  answer: (nodes: readonly NodeId[]) => Promise<readonly boolean[] | undefined> = (nodes) =>
    Promise.resolve(nodes.map((node) => !this.dead.has(node)));

  constructor(nodes: readonly NodeId[]) {
    this.known = new Set(nodes);
    for (const node of nodes) this.watches.set(node, this.#watch(node));
  }

  async beat(): Promise<void> {
    for (const [node, watch] of this.watches) if (!this.dead.has(node)) watch.tick();
    await settled();
  }

  #watch(node: NodeId): RingWatch {
    const ring = this as Ring;
    return new RingWatch({
      node,
      membership: {
        get members() {
          return new Set([...ring.known].filter((other) => other !== node));
        },
        absent: (peer) => {
          this.found.set(peer, [...(this.found.get(peer) ?? []), node]);
          this.events.push(`${node} absent ${peer}`);
        },
        present: (peer) => this.events.push(`${node} present ${peer}`),
      },
      lanes: { doubt: (peer) => this.events.push(`${node} doubt ${peer}`) },
      listeners: {
        haveListeners: (nodes) => {
          this.asked.push(nodes);
          return this.answer(nodes);
        },
      },
    });
  }
}

const ringOf = (count: number): Ring => new Ring(Array.from({ length: count }, (_, number) => name(number)));

let ring: Ring;
beforeEach(() => {
  ring = ringOf(8);
});

describe('the watch of a ring', () => {
  it('asks for three successors in one question, and for all others where there are fewer', async () => {
    await ring.beat();
    expect(ring.asked[0]).toEqual([1, 2, 3].map(name));
    expect(ring.asked[6]).toEqual([7, 0, 1].map(name));
    expect(ring.asked).toHaveLength(8);
    const pair = ringOf(2);
    await pair.beat();
    expect(pair.asked).toEqual([[name(1)], [name(0)]]);
    const alone = ringOf(1);
    await alone.beat();
    expect(alone.asked).toEqual([]);
  });

  it('has each node watched by three others, at any size', async () => {
    const large = ringOf(500);
    await large.beat();
    const counts = new Map<NodeId, number>();
    for (const node of large.asked.flat()) counts.set(node, (counts.get(node) ?? 0) + 1);
    expect(new Set(counts.values())).toEqual(new Set([3]));
    expect(counts.size).toBe(500);
  });

  it('goes by the random end of names: nodes of one machine are no neighbours', async () => {
    const ends = ['5', '1', '4', '2', '3', '0'].map((digit) => digit.repeat(36));
    const mixed = new Ring(ends.map((end, at) => `${at < 3 ? 'a' : 'b'}-${end}` as NodeId));
    mixed.watches.get(`a-${'1'.repeat(36)}` as NodeId)!.tick();
    await settled();
    expect(mixed.asked[0]!.map((node) => node.slice(0, 3))).toEqual(['b-2', 'b-3', 'a-4']);
  });

  it('reports an absent node with every heartbeat, and once when it is back', async () => {
    ring.dead.add(name(3));
    await ring.beat();
    await ring.beat();
    const watchers = [0, 1, 2].map(name);
    expect(ring.found.get(name(3))).toEqual([...watchers, ...watchers]);
    expect(ring.events.filter((event) => event.includes('doubt'))).toHaveLength(6);
    ring.events.splice(0);
    ring.dead.delete(name(3));
    await ring.beat();
    await ring.beat();
    expect(ring.events).toEqual(watchers.map((node) => `${node} present ${name(3)}`));
  });

  it('extends beyond absent nodes by three with each heartbeat, and goes on asking for those', async () => {
    for (const number of [1, 2, 3, 4, 5]) ring.dead.add(name(number));
    for (let count = 0; count < 3; count++) {
      ring.watches.get(name(0))!.tick();
      await settled();
    }
    expect(ring.asked).toEqual([[1, 2, 3].map(name), [1, 2, 3, 4, 5, 6].map(name), [1, 2, 3, 4, 5, 6, 7].map(name)]);
  });

  it('finds every dead node when two thirds die together, each by a node that lives', async () => {
    const large = ringOf(300);
    for (let number = 0; number < 300; number++) if (number % 100 < 66) large.dead.add(name(number));
    // Runs of 66: 3 more with each heartbeat, 64 in one question at most; a node in the middle waits for its lease.
    for (let count = 0; count < 25; count++) await large.beat();
    expect(Math.max(...large.asked.map((nodes) => nodes.length))).toBe(64);
    expect(large.found.size).toBe(3 * 64);
    // Those that were found are reaped, and the ring closes.
    for (const node of large.found.keys()) large.known.delete(node);
    await large.beat();
    expect(large.found.size).toBe(3 * 66);
    for (const node of large.dead) large.known.delete(node);
    await large.beat();
    await large.beat();
    expect(large.asked.at(-1)).toHaveLength(3);
  });

  it('reports nobody when the store does not know, or fails', async () => {
    ring.dead.add(name(3));
    ring.answer = () => Promise.resolve(undefined);
    await ring.beat();
    ring.answer = () => Promise.reject(new BackplaneUnavailableError('asking'));
    await ring.beat();
    expect(ring.events).toEqual([]);
    ring.answer = (nodes) => Promise.resolve(nodes.map((node) => !ring.dead.has(node)));
    await ring.beat();
    expect(ring.found.get(name(3))).toHaveLength(3);
  });

  it('has one question at a time', async () => {
    let answered: () => void = () => undefined;
    ring.answer = (nodes) => new Promise((resolve) => (answered = () => resolve(nodes.map(() => true))));
    const watch = ring.watches.get(name(0))!;
    for (let count = 0; count < 2; count++) watch.tick();
    expect(ring.asked).toHaveLength(1);
    answered();
    await settled();
    watch.tick();
    expect(ring.asked).toHaveLength(2);
  });
});
