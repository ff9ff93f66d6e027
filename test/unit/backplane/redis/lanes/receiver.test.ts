import { describe, expect, it } from 'vitest';
import { BatchWriter, encodeGone, encodeProbe } from '../../../../../src/backplane/wire/batch-writer.js';
import { ItemWriter } from '../../../../../src/backplane/wire/item-writer.js';
import type { NodeId } from '../../../../../src/wamp/ids.js';
import { withLastKind } from '../../../../support/batches.js';
import { A, B, C, publicationOf } from '../../../../support/lane-items.js';
import {
  cancelOf,
  LanesUnderTest,
  LOST,
  pair,
  READS,
  settled,
  type Sent,
} from '../../../../support/lanes-under-test.js';

const NEVER = (): boolean => false;

describe('a node that has gone', () => {
  it('is ignored, and is not taken for unknown (G5)', () => {
    const { sender, receiver } = pair();
    receiver.lanes.close(A);
    receiver.lanes.open(A, READS);
    sender.lanes.send(B, 'r', LOST);
    receiver.lanes.receive(sender.endTurn()[0]!.bytes);
    expect(receiver.events).toEqual([]);
    expect(receiver.counters.messagesIgnored.gone_sender).toBe(1);
    expect(receiver.lanes.send(A, 'r', LOST)).toBe(true);
  });

  it('takes everything that was under way to it', async () => {
    const { sender } = pair();
    sender.lanes.send(B, 'r', cancelOf(1));
    const sent = sender.lanes.publish([B], 'r', publicationOf());
    const [underWay] = sender.endTurn() as [Sent];
    const waiting = sender.lanes.publish([B], 'r', publicationOf());
    sender.lanes.close(B);
    await waiting;
    underWay.receipt(0);
    await sent;
    expect([sender.events, sender.returned, sender.endTurn()]).toEqual([[], [], []]);
    expect(sender.lanes.stats).toEqual({ unacknowledgedBytes: 0, openPeers: 1, unreachablePeers: 0 });
  });

  it('is remembered among a bounded number', () => {
    const { sender, receiver } = pair();
    receiver.lanes.close(A);
    for (let i = 0; i < 5_000; i++) receiver.lanes.close(`n-${i}` as NodeId);
    sender.lanes.heartbeat();
    receiver.lanes.receive(sender.takeSent()[0]!.bytes);
    expect(receiver.events).toEqual([`unknown ${A}`]);
  });
});

describe('a node that does not know of its end', () => {
  it('is informed by the nodes that it sends to, at once and then now and then (G4, G5)', async () => {
    const { sender, receiver } = pair();
    receiver.lanes.close(A);
    for (const nowMs of [0, 1, 499]) {
      receiver.nowMs = nowMs;
      sender.lanes.send(B, 'r', LOST);
      for (const { bytes } of sender.endTurn()) receiver.lanes.receive(bytes);
    }
    const [answer, ...more] = receiver.takeSent();
    expect([answer!.channel, more]).toEqual([`inbox:${A}`, []]);
    sender.lanes.receive(answer!.bytes);
    expect(sender.events).toEqual([`denied by ${B}`]);
    answer!.fail();
    await settled();
    receiver.nowMs = 500;
    sender.lanes.send(B, 'r', LOST);
    for (const { bytes } of sender.endTurn()) receiver.lanes.receive(bytes);
    expect(receiver.takeSent()).toHaveLength(1);
  });

  it('is informed by nobody who may be dead himself, and believes nobody it does not know', () => {
    const { sender, receiver } = pair();
    receiver.lanes.close(A);
    receiver.sendPolicy = 'later';
    sender.lanes.send(B, 'r', LOST);
    for (const { bytes } of sender.endTurn()) receiver.lanes.receive(bytes);
    expect(receiver.takeSent()).toEqual([]);
    sender.lanes.receive(encodeGone('other' as NodeId, A));
    expect(sender.events).toEqual(['unknown other']);
  });
});

describe('an inbox', () => {
  it('asks who an unknown sender is and ignores it until it is known, which then shows as a gap', async () => {
    const { sender } = pair();
    const other = new LanesUnderTest(B);
    sender.lanes.send(B, 'r', LOST);
    await sender.bringTo(other);
    expect(other.events).toEqual([`unknown ${A}`]);
    expect(other.counters.messagesIgnored.unknown_sender).toBe(1);
    other.lanes.open(A, READS);
    sender.lanes.send(B, 'r', LOST);
    await sender.bringTo(other);
    expect(other.events).toEqual([`unknown ${A}`, `${A} gap`, `${A} r lost`]);
  });

  it('ignores what it has received before', () => {
    const { sender, receiver } = pair();
    sender.lanes.send(B, 'r', LOST);
    const [sent] = sender.endTurn();
    receiver.lanes.receive(sent!.bytes);
    receiver.lanes.receive(sent!.bytes);
    expect(receiver.events).toEqual([`${A} r lost`]);
    expect(receiver.counters.messagesIgnored.duplicate).toBe(1);
  });

  it('counts foreign bytes by what is wrong with them, and goes on', () => {
    const { sender, receiver } = pair();
    sender.lanes.send(B, 'r', LOST);
    sender.lanes.send(C, 'r', LOST);
    const [good, forC] = sender.endTurn() as [Sent, Sent];
    const flipped = Buffer.from(good.bytes);
    flipped[flipped.length - 1]! ^= 1;
    const newer = Buffer.from(good.bytes);
    newer[4] = 2;
    for (const bytes of [Buffer.from('{"hello":"world"}'), newer, forC.bytes, flipped, good.bytes.subarray(0, 10)])
      receiver.lanes.receive(bytes);
    receiver.lanes.receive(new Uint8Array(0));
    expect(receiver.events).toEqual([]);
    expect(receiver.counters.messagesIgnored).toMatchObject({
      magic: 2,
      version: 1,
      receiver: 1,
      checksum: 1,
      size: 1,
    });
    receiver.lanes.receive(good.bytes);
    expect(receiver.events).toEqual([`${A} r lost`]);
  });

  it('skips and counts what a later release sends, and takes the rest of the batch', () => {
    const { receiver } = pair();
    const writer = new BatchWriter(new ItemWriter(A), A, B);
    const body = Uint8Array.of(0xc0);
    writer.frame('r', LOST);
    writer.question({ kind: 'question', realm: 'r', number: 1, subject: 'anything', body });
    writer.answer({ kind: 'answer', realm: 'r', number: 2, hasMore: false, body });
    writer.answer({ kind: 'answer', realm: 'r', number: 3, hasMore: false, body });
    const { itemBytes } = writer;
    receiver.lanes.receive(withLastKind(writer.finish(1), itemBytes, 99));
    expect(receiver.events).toEqual([`${A} r lost`, `${A} r question 1`, `${A} r answer 2`]);
    expect(receiver.counters.itemsIgnored).toEqual({ unsupported: 0, unknown_kind: 1, malformed: 0, unexpected: 0 });
    expect(receiver.counters.itemsReceived).toMatchObject({ control: 1, question: 2 });
  });

  it('receives the probes of its own node, and of no other', () => {
    const { receiver } = pair();
    receiver.lanes.receive(encodeProbe(B, 7));
    receiver.lanes.receive(encodeProbe(A, 8));
    expect(receiver.events).toEqual(['probe 7']);
  });
});

describe('a batch that takes longer than a turn has time for (G11)', () => {
  /** A receiver with some items of a batch of ten left. */
  function begun() {
    const { sender, receiver } = pair();
    for (let request = 1; request <= 10; request++) sender.lanes.send(B, 'r', cancelOf(request));
    const [batch] = sender.endTurn() as [Sent];
    const isDone = receiver.lanes.receive(batch.bytes, NEVER);
    return { receiver, isDone, all: allOf(batch) };
  }

  function allOf({ bytes }: Sent): readonly string[] {
    const { receiver } = pair();
    receiver.lanes.receive(bytes);
    return receiver.events;
  }

  it('is processed in parts, in order', () => {
    const { receiver, isDone, all } = begun();
    expect(all).toHaveLength(10);
    expect(isDone).toBe(false);
    expect(receiver.events).toEqual(all.slice(0, 4));
    expect(receiver.lanes.proceed(NEVER)).toBe(false);
    expect(receiver.lanes.proceed(NEVER)).toBe(true);
    expect(receiver.events).toEqual(all);
    expect(receiver.lanes.proceed(NEVER)).toBe(true);
    expect(receiver.events).toEqual(all);
  });

  it('ends with its node (G5)', () => {
    const { receiver, all } = begun();
    receiver.lanes.close(A);
    expect(receiver.lanes.proceed(NEVER)).toBe(true);
    expect(receiver.events).toEqual(all.slice(0, 4));
  });

  it('is abandoned when the receiver ends', () => {
    const { receiver, all } = begun();
    receiver.lanes.abandon();
    expect(receiver.lanes.proceed(NEVER)).toBe(true);
    expect(receiver.events).toEqual(all.slice(0, 4));
  });
});

describe('a publication that is delivered in parts (G11)', () => {
  /** Its node has sent a frame behind it. */
  function begun() {
    const { sender, receiver } = pair();
    receiver.partsLeft = 3;
    void sender.lanes.publish([B], 'r', publicationOf({ topic: 'a' }));
    sender.lanes.send(B, 'r', LOST);
    const [batch] = sender.endTurn() as [Sent];
    const isDone = receiver.lanes.receive(batch.bytes, NEVER);
    return { receiver, isDone };
  }
  const part = `${A} r part of a`;
  const [first, behind] = [`${A} r publication a`, `${A} r lost`];

  it('takes one turn for each part, and the next item waits for all (ORD-1, ORD-3)', () => {
    const { receiver, isDone } = begun();
    const received = [isDone, ...Array.from({ length: 3 }, () => receiver.lanes.proceed(NEVER))];
    expect(received).toEqual([false, false, false, false]);
    expect(receiver.events).toEqual([first, part, part, part]);
    expect(receiver.lanes.proceed(NEVER)).toBe(true);
    expect(receiver.events).toEqual([first, part, part, part, behind]);
  });

  it('takes one turn where that has time', () => {
    const { receiver } = begun();
    expect(receiver.lanes.proceed(() => true)).toBe(true);
    expect(receiver.events).toEqual([first, part, part, part, behind]);
  });

  it('reaches all when its node ends meanwhile, and later items nobody (G5)', () => {
    const { receiver } = begun();
    receiver.lanes.close(A);
    expect(receiver.events).toEqual([first, part, part, part]);
    expect(receiver.lanes.proceed(NEVER)).toBe(true);
    expect(receiver.events).toEqual([first, part, part, part]);
  });

  it('reaches all at once before an event about its node that takes another way, and the lane goes on', () => {
    const { receiver } = begun();
    receiver.lanes.deliverRest(C);
    expect(receiver.events).toEqual([first]);
    receiver.lanes.deliverRest(A);
    expect(receiver.events).toEqual([first, part, part, part]);
    expect(receiver.lanes.proceed(NEVER)).toBe(true);
    expect(receiver.events).toEqual([first, part, part, part, behind]);
  });

  it('is abandoned when the receiver ends', () => {
    const { receiver } = begun();
    receiver.lanes.abandon();
    expect(receiver.lanes.proceed(NEVER)).toBe(true);
    expect(receiver.events).toEqual([first]);
  });
});
