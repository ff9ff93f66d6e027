import { beforeEach, describe, expect, it } from 'vitest';
import type { NodeId } from '../../../../../src/wamp/ids.js';
import { withSequence } from '../../../../support/forged.js';
import { A, B, C, publicationOf } from '../../../../support/lane-items.js';
import { LanesUnderTest, LOST, READS, settled, type Sent } from '../../../../support/lanes-under-test.js';

const HEARTBEAT_MS = 1_000;

/** Nodes that know each other, and time that passes in heartbeats. A deaf node has a subscriber and receives nothing. */
class Net {
  readonly nodes = new Map([A, B].map((node) => [node, new LanesUnderTest(node)] as const));
  readonly deaf = new Set<NodeId>();
  readonly dead = new Set<NodeId>();

  constructor() {
    this.at(A).lanes.open(B, READS);
    this.at(B).lanes.open(A, READS);
  }

  at(node: NodeId): LanesUnderTest {
    return this.nodes.get(node)!;
  }

  /** Delivers until nothing is under way. Returns how many messages that were. */
  async deliver(): Promise<number> {
    let count = 0;
    for (let sent = this.#takeSent(); sent.length > 0; sent = this.#takeSent()) {
      for (const { channel, bytes, receipt } of sent) {
        const to = channel.replace('inbox:', '') as NodeId;
        if (!this.deaf.has(to) && !this.dead.has(to)) this.at(to).lanes.receive(bytes);
        receipt(this.dead.has(to) ? 0 : 1);
        count++;
      }
      await settled();
    }
    return count;
  }

  /** A heartbeat of every node. Returns how many messages that caused. */
  async beat(): Promise<number> {
    for (const node of this.nodes.values()) {
      node.nowMs += HEARTBEAT_MS;
      node.lanes.heartbeat();
    }
    return this.deliver();
  }

  async silence(): Promise<void> {
    while ((await this.beat()) > 0);
    this.at(B).events.splice(0);
  }

  #takeSent(): Sent[] {
    return [...this.nodes.values()].flatMap((node) => node.endTurn());
  }
}

let net: Net;
let sender: LanesUnderTest;
let receiver: LanesUnderTest;
beforeEach(async () => {
  net = new Net();
  sender = net.at(A);
  receiver = net.at(B);
  await net.silence();
});

const publish = (topic: string): void => {
  sender.lanes.publish([B], 'r', publicationOf({ topic })).catch(() => undefined);
};

describe('a lane with nothing to confirm', () => {
  it('is silent, and three heartbeats follow its last message', async () => {
    publish('one');
    expect(await net.deliver()).toBe(1);
    const counts = [await net.beat(), await net.beat(), await net.beat(), await net.beat(), await net.beat()];
    expect(counts).toEqual([1, 1, 1, 0, 0]);
  });

  it('is silent behind confirmations of versions, which are asked for again', async () => {
    sender.lanes.confirm(B, 'r', 7);
    expect(await net.deliver()).toBe(1);
    expect(await net.beat()).toBe(0);
    expect(receiver.events).toEqual([`${A} r confirmed 7`]);
  });

  it('sends heartbeats when it was refused something, and after it was lost on the way', async () => {
    sender.lanes.cutOff(true);
    sender.lanes.send(B, 'r', LOST);
    await net.deliver();
    sender.lanes.cutOff(false);
    expect(await net.beat()).toBeGreaterThan(0);
    expect(receiver.events).toEqual([`${A} gap`]);
  });

  it('sends heartbeats to a node that is unreachable, until it listens', async () => {
    net.dead.add(B);
    publish('lost');
    await net.deliver();
    for (let count = 0; count < 10; count++) expect(await net.beat()).toBe(1);
    net.dead.delete(B);
    await net.beat();
    expect(sender.events).toEqual([`unreachable ${B}`, `reachable ${B}`]);
    await net.silence();
    expect(receiver.events).toEqual([]);
  });

  it('sends heartbeats that count only once they have a listener', async () => {
    publish('one');
    await net.deliver();
    for (let count = 0; count < 10; count++) {
      sender.lanes.heartbeat();
      const [sent] = sender.takeSent();
      sent!.fail();
      await settled();
    }
    expect([await net.beat(), await net.beat(), await net.beat(), await net.beat()]).toEqual([1, 1, 1, 0]);
  });

  it('learns from one heartbeat whether a node listens that is in doubt', async () => {
    net.dead.add(B);
    expect(await net.beat()).toBe(0);
    sender.lanes.doubt(B);
    await net.beat();
    expect(sender.events).toEqual([`unreachable ${B}`]);
  });
});

/** The receiver is deaf until the lane is silent. */
async function loseMessageAndHeartbeats(): Promise<void> {
  net.deaf.add(B);
  publish('lost');
  await net.deliver();
  for (let count = 0; count < 5; count++) await net.beat();
  net.deaf.delete(B);
}

describe('the loss of the last message (G3)', () => {
  it('is noticed with the next heartbeat', async () => {
    net.deaf.add(B);
    publish('lost');
    await net.deliver();
    net.deaf.delete(B);
    await net.beat();
    expect(receiver.events).toEqual([`${A} gap`]);
  });

  it('is noticed when all heartbeats behind it are lost too: a node that has missed messages asks', async () => {
    await loseMessageAndHeartbeats();
    receiver.lanes.sync();
    await net.deliver();
    expect(receiver.events).toEqual([`${A} gap`]);
  });

  it('is noticed when that question is lost too: its number is missing in the other lane', async () => {
    await loseMessageAndHeartbeats();
    receiver.lanes.sync();
    net.deaf.add(A);
    await net.deliver();
    net.deaf.delete(A);
    await net.beat();
    expect(receiver.events).toEqual([`${A} gap`]);
  });

  it('is noticed by a node that did not know the sender: it asks when it does', async () => {
    const late = new LanesUnderTest(C);
    net.nodes.set(C, late);
    sender.lanes.open(C, READS);
    void sender.lanes.publish([C], 'r', publicationOf());
    for (let count = 0; count < 5; count++) await net.beat();
    expect(await net.beat()).toBe(0);
    late.lanes.open(A, READS);
    await net.deliver();
    expect(late.events.at(-1)).toBe(`${A} gap`);
  });
});

describe('a forged number in a silent lane (G3)', () => {
  const forge = (sequence: number): void => {
    const donor = new LanesUnderTest(A);
    donor.lanes.open(B, READS);
    donor.lanes.send(B, 'r', LOST);
    receiver.lanes.receive(withSequence(donor.endTurn()[0]!.bytes, sequence));
  };

  it('is corrected within three heartbeats, before the next message', async () => {
    forge(1_000);
    expect(receiver.events.splice(0)).toEqual([`${A} gap`, `${A} r lost`]);
    await net.deliver();
    for (let count = 0; count < 3; count++) await net.beat();
    expect(receiver.events.splice(0)).toEqual([`${A} gap`]);
    await net.silence();
    publish('one');
    await net.deliver();
    expect(receiver.events).toEqual([`${A} r publication one`]);
  });

  it('is corrected in both directions at once', async () => {
    forge(1_000);
    const donor = new LanesUnderTest(B);
    donor.lanes.open(A, READS);
    donor.lanes.send(A, 'r', LOST);
    sender.lanes.receive(withSequence(donor.endTurn()[0]!.bytes, 1_000));
    await net.silence();
    publish('one');
    receiver.lanes.send(A, 'r', LOST);
    sender.events.splice(0);
    await net.deliver();
    expect(receiver.events).toEqual([`${A} r publication one`]);
    expect(sender.events).toEqual([`${B} r lost`]);
  });

  it('is corrected when the node was busy and all heartbeats arrive at once', async () => {
    publish('one');
    await net.deliver();
    forge(1_000);
    net.deaf.add(A);
    await net.deliver();
    const bytes: Uint8Array[] = [];
    for (let count = 0; count < 5; count++) {
      sender.lanes.heartbeat();
      for (const sent of sender.takeSent()) {
        bytes.push(sent.bytes);
        sent.receipt(1);
      }
      await settled();
    }
    expect(bytes).toHaveLength(3);
    net.deaf.delete(A);
    receiver.nowMs += HEARTBEAT_MS;
    for (const heartbeat of bytes) receiver.lanes.receive(heartbeat);
    await net.silence();
    publish('two');
    await net.deliver();
    expect(receiver.events).toEqual([`${A} r publication two`]);
  });

  it('makes the node ask at most once in half a heartbeat, however many come', () => {
    for (let count = 0; count < 50; count++) forge(1_000 + 2 * count);
    expect(receiver.endTurn()).toHaveLength(1);
    for (let count = 50; count < 100; count++) forge(1_000 + 2 * count);
    expect(receiver.endTurn()).toHaveLength(0);
  });
});
