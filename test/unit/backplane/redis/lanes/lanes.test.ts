import { describe, expect, it } from 'vitest';
import { BatchReader } from '../../../../../src/backplane/wire/batch-reader.js';
import type { MessageHead } from '../../../../../src/backplane/wire/format.js';
import { payloadOf } from '../../../../../src/codec/payload.js';
import type { NodeId } from '../../../../../src/wamp/ids.js';
import { A, B, C, publicationOf } from '../../../../support/lane-items.js';
import {
  cancelOf,
  LanesUnderTest,
  LIMITS,
  LOST,
  pair,
  READS,
  type Sent,
} from '../../../../support/lanes-under-test.js';

const topic = (name: string) => publicationOf({ topic: name });

function headOf({ bytes }: Sent, node: NodeId = B): MessageHead {
  return new BatchReader(node).open(bytes) as MessageHead;
}

const heads = (sent: readonly Sent[]) => sent.map((one) => [headOf(one).sequence, headOf(one).itemCount]);

describe('lanes', () => {
  it('send all of one turn in one message per node, in the order sent (ORD-1, ORD-3)', async () => {
    const { sender, receiver } = pair();
    const accepted = sender.lanes.publish([B], 'r', topic('one'));
    expect(sender.lanes.send(B, 's', cancelOf(1))).toBe(true);
    void sender.lanes.publish([B, C], 'r', topic('two'));
    sender.lanes.send(B, 'r', LOST);
    expect(sender.takeSent()).toEqual([]);
    expect(sender.flushCount).toBe(1);
    const sent = sender.endTurn();
    expect(sent.map(({ channel }) => channel)).toEqual([`inbox:${B}`, `inbox:${C}`]);
    receiver.lanes.receive(sent[0]!.bytes);
    expect(receiver.events).toEqual([
      `${A} r publication one`,
      `${A} s cancel`,
      `${A} r publication two`,
      `${A} r lost`,
    ]);
    sent[0]!.receipt(1);
    await accepted;
  });

  it('count batches from 1 and split them before the item that would make them too large', () => {
    const { sender, receiver } = pair();
    const large = payloadOf(['x'.repeat(1_500)]);
    for (const name of ['1', '2', '3', '4', '5'])
      void sender.lanes.publish([B, C], 'r', publicationOf({ topic: name, payload: large }));
    const sent = sender.endTurn();
    const toB = sent.filter(({ channel }) => channel.endsWith(B));
    const toC = sent.filter(({ channel }) => channel.endsWith(C));
    expect(heads(toB)).toEqual([
      [1, 2],
      [2, 2],
      [3, 1],
    ]);
    expect(toC.map((one) => headOf(one, C).itemCount)).toEqual([2, 2, 1]);
    for (const { bytes } of toB) {
      expect(bytes.length).toBeLessThanOrEqual(LIMITS.maxBatchBytes);
      receiver.lanes.receive(bytes);
    }
    expect(receiver.events.map((text) => text.slice(-1))).toEqual(['1', '2', '3', '4', '5']);
  });

  it('send one item that is larger than a batch may be as a batch of its own', () => {
    const { sender } = pair();
    void sender.lanes.publish([B], 'r', topic('small'));
    void sender.lanes.publish([B], 'r', publicationOf({ payload: payloadOf(['x'.repeat(20_000)]) }));
    void sender.lanes.publish([B], 'r', topic('small'));
    expect(heads(sender.endTurn()).map(([, itemCount]) => itemCount)).toEqual([1, 1, 1]);
  });

  it('bound the items of a batch', () => {
    const { sender } = pair({ maxItemsPerBatch: 3 });
    for (let i = 0; i < 7; i++) sender.lanes.send(B, 'r', cancelOf(i));
    expect(heads(sender.endTurn())).toEqual([
      [1, 3],
      [2, 3],
      [3, 1],
    ]);
  });

  it('share one promise among the publications of one turn to the same nodes (G4)', async () => {
    const { sender } = pair();
    const promises = [[B], [B], [B, C], [B, C], [C]].map((nodes) => sender.lanes.publish(nodes, 'r', publicationOf()));
    expect(new Set(promises).size).toBe(3);
    expect([promises[0], promises[2]]).toEqual([promises[1], promises[3]]);
    for (const { receipt } of sender.endTurn()) receipt(1);
    await Promise.all(promises);
    expect(sender.lanes.publish([B], 'r', publicationOf())).not.toBe(promises[0]);
  });

  it('resolve a publication only when every node has it', async () => {
    const { sender } = pair();
    let isAccepted = false;
    const accepted = sender.lanes.publish([B, C], 'r', publicationOf()).then(() => (isAccepted = true));
    const [toB, toC] = sender.endTurn() as [Sent, Sent];
    toB.receipt(1);
    await sender.lanes.publish([], 'r', publicationOf());
    await new Promise(setImmediate);
    expect(isAccepted).toBe(false);
    toC.receipt(1);
    await accepted;
  });

  it('skip a node that has gone since the last message to it, and serve one that has come since', async () => {
    const { sender } = pair();
    const D = 'd-1' as NodeId;
    await sender.lanes.publish([D], 'r', publicationOf());
    sender.lanes.open(D, READS);
    void sender.lanes.publish([D], 'r', publicationOf());
    const [toD] = sender.endTurn() as [Sent];
    expect(headOf(toD, D).itemCount).toBe(1);
    toD.receipt(1);
    sender.lanes.close(D);
    await sender.lanes.publish([D], 'r', publicationOf());
    expect(sender.lanes.send(D, 'r', LOST)).toBe(true);
    expect(sender.endTurn()).toEqual([]);
  });

  it('skip nodes that are not open, and this node itself', async () => {
    const { sender } = pair();
    sender.lanes.open(A, READS);
    sender.lanes.close(C);
    expect(sender.lanes.send(C, 'r', LOST)).toBe(true);
    expect(sender.lanes.send(A, 'r', LOST)).toBe(true);
    await sender.lanes.publish([C, A], 'r', publicationOf());
    sender.lanes.confirm(C, 'r', 1);
    sender.lanes.ask(C, 'r', 1);
    expect(sender.endTurn()).toEqual([]);
  });

  it('count what leaves and what arrives', async () => {
    const { sender, receiver } = pair();
    void sender.lanes.publish([B], 'r', publicationOf());
    sender.lanes.send(B, 'r', cancelOf(1));
    sender.lanes.confirm(B, 'r', 1);
    await sender.bringTo(receiver);
    expect(sender.counters.itemsSent).toEqual({
      publication: 1,
      invoke: 0,
      question: 0,
      answer: 0,
      cancel: 1,
      control: 1,
    });
    expect(receiver.counters.itemsReceived).toEqual(sender.counters.itemsSent);
    expect(sender.counters.batches.out).toBe(1);
    expect(receiver.counters.batchBytes.in).toBe(sender.counters.batchBytes.out);
    expect([sender.counters.batchItems.count, sender.counters.batchItems.sum]).toEqual([1, 3]);
  });
});

describe('confirmations', () => {
  it('are sent once per realm and flush, with the highest version', async () => {
    const { sender, receiver } = pair();
    sender.lanes.confirm(B, 'r', 3);
    sender.lanes.confirm(B, 'r', 5);
    sender.lanes.confirm(B, 'r', 4);
    sender.lanes.confirm(B, 's', 1);
    sender.lanes.ask(B, 'r', 7);
    await sender.bringTo(receiver);
    expect(receiver.events).toEqual([`${A} r confirmed 5`, `${A} s confirmed 1`, `${A} r asked 7`]);
    sender.lanes.confirm(B, 'r', 6);
    await sender.bringTo(receiver);
    expect(receiver.events.at(-1)).toBe(`${A} r confirmed 6`);
  });

  it('wait while this node is cut off', async () => {
    const { sender, receiver } = pair();
    sender.lanes.cutOff(true);
    sender.lanes.confirm(B, 'r', 3);
    expect(sender.endTurn()).toEqual([]);
    sender.lanes.cutOff(false);
    sender.lanes.confirm(B, 's', 1);
    await sender.bringTo(receiver);
    expect(receiver.events).toEqual([`${A} r confirmed 3`, `${A} s confirmed 1`]);
  });
});

describe('what cannot be encoded', () => {
  it('is refused and leaves the rest of the batch whole', async () => {
    const { sender, receiver } = pair();
    const passthru = { form: 'ppt', details: { ppt_scheme: new Map() } } as const;
    sender.lanes.send(B, 'r', LOST);
    await expect(sender.lanes.publish([B], 'r', publicationOf({ passthru }))).rejects.toMatchObject({
      code: 'BACKPLANE_UNAVAILABLE',
    });
    sender.lanes.send(B, 'r', LOST);
    await sender.bringTo(receiver);
    expect(receiver.events).toEqual([`${A} r lost`, `${A} gap`, `${A} r lost`]);
    expect(sender.counters.sendsRefused.format).toBe(1);
  });
});

describe('a node that reads another format', () => {
  it('receives nothing, and that is counted', async () => {
    const { sender } = pair();
    const newer = 'd-1' as NodeId;
    sender.lanes.open(newer, [2]);
    expect(sender.lanes.send(newer, 'r', LOST)).toBe(false);
    await expect(sender.lanes.publish([newer], 'r', publicationOf())).rejects.toMatchObject({
      code: 'BACKPLANE_UNAVAILABLE',
    });
    sender.lanes.confirm(newer, 'r', 1);
    sender.lanes.heartbeat();
    sender.endTurn();
    expect(sender.counters.sendsRefused.format).toBe(2);
    expect(sender.takeSent().filter(({ channel }) => channel.endsWith(newer))).toEqual([]);
  });

  it('keeps the others from nothing', async () => {
    const { sender, receiver } = pair();
    const newer = 'd-1' as NodeId;
    sender.lanes.open(newer, [2]);
    const accepted = sender.lanes.publish([newer, B], 'r', topic('t'));
    await sender.bringTo(receiver);
    await expect(accepted).rejects.toMatchObject({ code: 'BACKPLANE_UNAVAILABLE' });
    expect(receiver.events).toEqual([`${A} r publication t`]);
  });

  it('takes one that reads several for readable', () => {
    const sender = new LanesUnderTest(A);
    sender.lanes.open(B, [1, 2]);
    expect(sender.lanes.send(B, 'r', LOST)).toBe(true);
  });
});

describe('settling', () => {
  it('sends what was sent and waits for every receipt, good or bad', async () => {
    const { sender } = pair();
    sender.lanes.send(B, 'r', LOST);
    sender.lanes.send(C, 'r', LOST);
    let isSettled = false;
    const done = sender.lanes.settle().then(() => (isSettled = true));
    const [toB, toC] = sender.takeSent() as [Sent, Sent];
    toB.receipt(1);
    await new Promise(setImmediate);
    expect(isSettled).toBe(false);
    toC.fail();
    await done;
    await sender.lanes.settle();
    expect(sender.endTurn()).toEqual([]);
  });
});
