import { describe, expect, it } from 'vitest';
import { Lanes } from '../../src/backplane/redis/lanes/lanes.js';
import type { NodeId } from '../../src/wamp/ids.js';

import { LEASE_MS, type Member, MembersWorld, reapedCount, RENEW_MS } from '../support/members.js';

const SECOND_MS = 1_000;

/** Many nodes in virtual time: memberships, ring watches and lanes as they are, over a stand-in for the store. */
class ManyNodes {
  readonly world = new MembersWorld();
  readonly members: Member[] = [];
  readonly lanes = new Map<NodeId, Lanes>();
  readonly gaps: string[] = [];
  laneMessageCount = 0;
  readonly #byInbox = new Map<string, Member>();

  async enter(count: number): Promise<void> {
    for (let number = 0; number < count; number++) this.#add(`n-${number}`);
    for (const { membership } of this.members) await membership.enter();
    this.world.isBeating = true;
    // The grace of a new store, and the first heartbeats of each lane.
    await this.world.pass(2 * LEASE_MS);
  }

  /** Messages and commands of all nodes in so many seconds. */
  async idleCount(seconds: number): Promise<number> {
    const before = this.#count();
    await this.world.pass(seconds * SECOND_MS);
    return this.#count() - before;
  }

  #count(): number {
    return this.laneMessageCount + this.members.reduce((sum, { done }) => sum + done.length, 0);
  }

  #add(name: string): void {
    const { world } = this;
    const member = world.member(name);
    const { node } = member;
    const { channels } = world.keys;
    const lanes = new Lanes({
      node,
      channelOf: (to) => channels.inbox(to),
      wire: { publish: (channel, bytes) => this.#deliver(channel, bytes) },
      scheduleFlush: (flush) => world.time.after(0, () => member.turn(flush)),
      counters: member.counters,
      limits: { maxBatchBytes: 262_144, maxItemsPerBatch: 4_096, maxUnacknowledgedBytes: 67_108_864 },
      inbound: { nowMs: () => world.time.nowMs, confirmMs: SECOND_MS / 2 },
      events: {
        traffic: {
          publication: () => undefined,
          frame: () => undefined,
          gap: (from) => this.gaps.push(`${node} ${from}`),
          returned: () => undefined,
        },
        versions: { confirmed: () => undefined, asked: () => undefined },
        questions: { questioned: () => undefined },
        probes: { received: () => undefined },
        peers: {
          denied: () => undefined,
          unknownSender: () => member.membership.suspect(),
          unreachable: (peer) => member.membership.absent(peer),
          reachable: (peer) => member.membership.present(peer),
        },
      },
    });
    member.lanes = lanes;
    this.members.push(member);
    this.lanes.set(node, lanes);
    this.#byInbox.set(channels.inbox(node), member);
  }

  #deliver(channel: string, bytes: Uint8Array): Promise<number> {
    this.laneMessageCount++;
    const to = this.#byInbox.get(channel);
    if (to?.isListening !== true) return Promise.resolve(0);
    to.turn(() => this.lanes.get(to.node)!.receive(bytes));
    return Promise.resolve(1);
  }
}

/** Commands and messages of a node in a second, idle. */
async function idleRate(cluster: ManyNodes): Promise<number> {
  const seconds = 10;
  return (await cluster.idleCount(seconds)) / seconds / cluster.members.length;
}

function goneAt({ events }: Member): string[] {
  return events.filter((event) => event.startsWith('gone')).sort();
}

describe('500 nodes', () => {
  it('cost as much as they are many while idle, and notice each death once, long before its lease ends (G5)', async () => {
    const few = new ManyNodes();
    await few.enter(10);
    const rateOfFew = await idleRate(few);
    const cluster = new ManyNodes();
    await cluster.enter(500);
    const { members, world } = cluster;
    for (const { membership } of members) expect(membership.members.size).toBe(499);
    // A question each second, a renewal every other, and now and then a reading of the nodes.
    expect(rateOfFew).toBeLessThan(2);
    expect((await idleRate(cluster)) / rateOfFew).toBeLessThan(1.1);

    const [first] = members as [Member, ...Member[]];
    first.kill();
    await world.pass(LEASE_MS - RENEW_MS);
    for (const member of members) if (!member.isDead) expect(goneAt(member)).toEqual([`gone ${first.node}`]);

    for (let number = 5; number < 500; number += 10) members[number]!.kill();
    const dead = members.filter(({ isDead }) => isDead);
    expect(dead).toHaveLength(51);
    const gone = dead.map(({ node }) => `gone ${node}`).sort();
    await world.pass(LEASE_MS + RENEW_MS);
    for (const member of members) if (!member.isDead) expect(goneAt(member)).toEqual(gone);
    expect(reapedCount(...members)).toBe(dead.length);
    expect(cluster.gaps).toEqual([]);
    expect(members.flatMap(({ events }) => events).filter((event) => event === 'fenced')).toEqual([]);
  });
});
