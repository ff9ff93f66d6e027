import { describe, expect, it } from 'vitest';
import { payloadOf } from '../../../../../src/codec/payload.js';
import { A, B, C, publicationOf } from '../../../../support/lane-items.js';
import { cancelOf, LanesUnderTest, LOST, pair, READS, type Sent } from '../../../../support/lanes-under-test.js';

const topic = (name: string) => publicationOf({ topic: name });

describe('a lost message', () => {
  it('is seen as a gap before the items that come next (G3)', () => {
    const { sender, receiver } = pair();
    for (const name of ['lost', 'received']) {
      void sender.lanes.publish([B], 'r', topic(name));
      const [sent] = sender.endTurn();
      if (name === 'received') receiver.lanes.receive(sent!.bytes);
    }
    expect(receiver.events).toEqual([`${A} gap`, `${A} r publication received`]);
    expect(receiver.counters.laneGaps.sequence).toBe(1);
  });

  it('is seen by the next heartbeat when it was the last, once', () => {
    const { sender, receiver } = pair();
    sender.lanes.heartbeat();
    void sender.lanes.publish([B], 'r', topic('lost'));
    const [first] = sender.takeSent();
    sender.endTurn();
    receiver.lanes.receive(first!.bytes);
    expect(receiver.events).toEqual([]);
    for (let i = 0; i < 2; i++) {
      sender.lanes.heartbeat();
      receiver.lanes.receive(sender.takeSent()[0]!.bytes);
    }
    expect(receiver.events).toEqual([`${A} gap`]);
    expect(receiver.counters.laneGaps.heartbeat).toBe(1);
  });

  it('is seen as soon as the receiver asks for the sequence', async () => {
    const { sender, receiver } = pair();
    sender.lanes.send(B, 'r', LOST);
    sender.endTurn();
    receiver.lanes.sync();
    await receiver.bringTo(sender);
    await sender.bringTo(receiver);
    expect(receiver.events).toEqual([`${A} gap`]);
    expect(sender.events).toEqual([]);
  });

  it('is not seen in a lane that lost nothing, whatever leaves first', async () => {
    const { sender, receiver } = pair();
    sender.lanes.send(B, 'r', LOST);
    sender.lanes.heartbeat();
    await sender.bringTo(receiver);
    receiver.lanes.sync();
    await receiver.bringTo(sender);
    sender.lanes.send(B, 'r', LOST);
    await sender.bringTo(receiver);
    expect(receiver.events).toEqual([`${A} r lost`, `${A} r lost`]);
  });
});

describe('what is sent to a node before it is known', () => {
  it('is lost, and the node sees a gap as soon as it is known: a call must not wait for ever (G3)', () => {
    const sender = new LanesUnderTest(A);
    const { receiver } = pair();
    expect(sender.lanes.send(B, 'r', cancelOf(1))).toBe(true);
    sender.lanes.open(C, READS);
    sender.lanes.open(B, READS);
    sender.lanes.heartbeat();
    for (const { channel, bytes } of sender.takeSent()) if (channel.endsWith(B)) receiver.lanes.receive(bytes);
    expect(receiver.events).toEqual([`${A} gap`]);
  });
});

describe('a batch nobody listened to', () => {
  it('rejects its publications, gives back its frames and makes the node unreachable (G3, G4)', async () => {
    const { sender, receiver } = pair();
    const frames = [cancelOf(1), cancelOf(2)];
    for (const frame of frames) sender.lanes.send(B, 'r', frame);
    const accepted = sender.lanes.publish([B, C], 'r', publicationOf());
    const [toB, toC] = sender.endTurn() as [Sent, Sent];
    toB.receipt(0);
    toC.receipt(1);
    await expect(accepted).rejects.toMatchObject({ code: 'BACKPLANE_UNAVAILABLE' });
    expect(sender.returned).toEqual(frames.map((frame) => ({ to: B, realm: 'r', frame })));
    expect(sender.events).toEqual([`unreachable ${B}`]);
    expect(sender.counters.receiptsMissed.all).toBe(1);
    expect(sender.counters.sendsRefused.not_delivered).toBe(3);
    expect(sender.lanes.stats).toEqual({ unacknowledgedBytes: 0, openPeers: 2, unreachablePeers: 1 });

    expect(sender.lanes.send(B, 'r', LOST)).toBe(false);
    await expect(sender.lanes.publish([B], 'r', publicationOf())).rejects.toMatchObject({
      code: 'BACKPLANE_UNAVAILABLE',
    });
    expect(sender.counters.sendsRefused.unreachable).toBe(2);
    expect(sender.endTurn()).toEqual([]);

    sender.lanes.heartbeat();
    await sender.bringTo(receiver);
    expect(sender.events).toEqual([`unreachable ${B}`, `reachable ${B}`]);
    expect(sender.lanes.send(B, 'r', LOST)).toBe(true);
    await sender.bringTo(receiver);
    expect(receiver.events).toEqual([`${A} gap`, `${A} r lost`]);
  });

  it('reports a loss after each heartbeat anew', async () => {
    const { sender, receiver } = pair();
    sender.lanes.send(B, 'r', LOST);
    sender.endTurn()[0]!.receipt(0);
    await new Promise(setImmediate);
    for (let i = 0; i < 2; i++) {
      expect(sender.lanes.send(B, 'r', LOST)).toBe(false);
      expect(sender.lanes.send(B, 'r', LOST)).toBe(false);
      sender.lanes.heartbeat();
      receiver.lanes.receive(sender.takeSent()[0]!.bytes);
    }
    expect(receiver.events).toEqual([`${A} gap`, `${A} gap`]);
  });

  it('gives frames back outside of the call that sent them, and takes what is sent meanwhile', () => {
    const { sender } = pair();
    sender.lanes.send(B, 'r', cancelOf(1));
    sender.lanes.cutOff(true);
    expect(sender.returned).toEqual([]);
    sender.onReturned = () => {
      sender.lanes.cutOff(false);
      sender.lanes.send(C, 'r', LOST);
    };
    expect(sender.endTurn()).toEqual([]);
    expect(sender.returned).toHaveLength(1);
    expect(sender.endTurn().map(({ channel }) => channel)).toEqual([`inbox:${C}`]);
  });
});

describe('a batch of which nothing is known', () => {
  it('rejects its publications and gives nothing back: it may have arrived', async () => {
    const { sender } = pair();
    sender.lanes.send(B, 'r', cancelOf(1));
    const accepted = sender.lanes.publish([B], 'r', publicationOf());
    sender.endTurn()[0]!.fail();
    await expect(accepted).rejects.toMatchObject({ code: 'BACKPLANE_UNAVAILABLE' });
    expect(sender.returned).toEqual([]);
    expect(sender.events).toEqual([]);
    expect(sender.counters.publishErrors.all).toBe(1);
    expect(sender.counters.sendsRefused.unknown).toBe(2);
    expect(sender.lanes.stats.unacknowledgedBytes).toBe(0);
  });
});

describe('a node that is cut off', () => {
  it('refuses everything at once, and its lanes go on behind a gap (G6)', async () => {
    const { sender, receiver } = pair();
    sender.lanes.send(B, 'r', LOST);
    await sender.bringTo(receiver);
    sender.lanes.cutOff(true);
    expect(sender.lanes.send(B, 'r', LOST)).toBe(false);
    const refused = [B, C].map((node) => sender.lanes.publish([node], 'r', publicationOf()));
    for (const promise of refused) await expect(promise).rejects.toMatchObject({ code: 'BACKPLANE_UNAVAILABLE' });
    sender.lanes.heartbeat();
    expect(sender.endTurn()).toEqual([]);
    expect(sender.counters.sendsRefused.cut_off).toBe(3);
    sender.lanes.cutOff(false);
    sender.lanes.send(B, 'r', LOST);
    await sender.bringTo(receiver);
    expect(receiver.events).toEqual([`${A} r lost`, `${A} gap`, `${A} r lost`]);
  });

  it('gives back what it had not sent yet', async () => {
    const { sender, receiver } = pair();
    sender.lanes.send(B, 'r', cancelOf(1));
    const accepted = sender.lanes.publish([B], 'r', publicationOf());
    sender.sendPolicy = 'never';
    expect(sender.endTurn()).toEqual([]);
    await expect(accepted).rejects.toMatchObject({ code: 'BACKPLANE_UNAVAILABLE' });
    expect(sender.returned).toHaveLength(1);
    expect(sender.lanes.stats.unacknowledgedBytes).toBe(0);
    sender.lanes.heartbeat();
    expect(sender.takeSent()).toEqual([]);
    sender.sendPolicy = 'now';
    sender.lanes.heartbeat();
    await sender.bringTo(receiver);
    expect(receiver.events).toEqual([`${A} gap`]);
  });
});

describe('a node that does not know whether it lives', () => {
  it('holds what it has to send, in order, until it may (G4)', async () => {
    const { sender, receiver } = pair();
    sender.lanes.send(B, 'r', LOST);
    sender.sendPolicy = 'later';
    expect(sender.endTurn()).toEqual([]);
    const accepted = sender.lanes.publish([B, C], 'r', topic('held'));
    expect(sender.endTurn()).toEqual([]);
    sender.lanes.confirm(B, 'r', 7);
    sender.lanes.heartbeat();
    expect(sender.takeSent()).toEqual([]);
    expect(sender.lanes.send(B, 'r', cancelOf(1))).toBe(true);
    sender.sendPolicy = 'now';
    sender.lanes.flush();
    for (const { channel, bytes, receipt } of sender.takeSent()) {
      if (channel.endsWith(B)) receiver.lanes.receive(bytes);
      receipt(1);
    }
    await accepted;
    expect(receiver.events).toEqual([`${A} r lost`, `${A} r publication held`, `${A} r cancel`, `${A} r confirmed 7`]);
    expect(sender.returned).toEqual([]);
    expect(sender.lanes.stats.unacknowledgedBytes).toBe(0);
  });

  it('holds a bounded number of bytes, and shows what it refused as a gap', async () => {
    const { sender, receiver } = pair({ maxUnacknowledgedBytes: 900 });
    const payload = payloadOf(['x'.repeat(400)]);
    sender.sendPolicy = 'later';
    const held = [1, 2].map(() => {
      const accepted = sender.lanes.publish([B], 'r', publicationOf({ payload }));
      sender.endTurn();
      return accepted;
    });
    expect(sender.lanes.send(B, 'r', LOST)).toBe(false);
    expect(sender.counters.sendsRefused.lane_full).toBe(1);
    sender.sendPolicy = 'now';
    sender.lanes.flush();
    await sender.bringTo(receiver);
    await Promise.all(held);
    sender.lanes.send(B, 'r', LOST);
    await sender.bringTo(receiver);
    expect(receiver.events.slice(2)).toEqual([`${A} gap`, `${A} r lost`]);
  });

  it('gives it back, refused and counted, when it turns out to be dead (G3, G4)', async () => {
    const { sender } = pair();
    sender.sendPolicy = 'later';
    sender.lanes.send(B, 'r', cancelOf(1));
    const accepted = sender.lanes.publish([B, C], 'r', publicationOf());
    expect(sender.endTurn()).toEqual([]);
    sender.lanes.cutOff(true);
    expect(sender.endTurn()).toEqual([]);
    await expect(accepted).rejects.toMatchObject({ code: 'BACKPLANE_UNAVAILABLE' });
    expect(sender.returned).toEqual([{ to: B, realm: 'r', frame: cancelOf(1) }]);
    expect(sender.counters.sendsRefused.cut_off).toBe(3);
    expect(sender.lanes.stats.unacknowledgedBytes).toBe(0);
  });

  it('forgets what it held for a node that has gone meanwhile', async () => {
    const { sender } = pair();
    sender.sendPolicy = 'later';
    const accepted = sender.lanes.publish([B], 'r', publicationOf());
    sender.endTurn();
    sender.lanes.close(B);
    await accepted;
    sender.sendPolicy = 'now';
    expect(sender.endTurn()).toEqual([]);
    expect(sender.lanes.stats.unacknowledgedBytes).toBe(0);
  });
});

describe('back-pressure', () => {
  it('refuses what exceeds the bound until receipts come, and the receiver sees the gap', async () => {
    const { sender, receiver } = pair({ maxUnacknowledgedBytes: 900 });
    const payload = payloadOf(['x'.repeat(400)]);
    const publish = () => sender.lanes.publish([B], 'r', publicationOf({ payload }));
    const accepted = [publish(), publish()];
    await expect(publish()).rejects.toMatchObject({ code: 'BACKPLANE_UNAVAILABLE' });
    expect(sender.lanes.send(C, 'r', LOST)).toBe(false);
    expect(sender.counters.sendsRefused.lane_full).toBe(2);
    expect(sender.lanes.stats.unacknowledgedBytes).toBeGreaterThan(900);
    await sender.bringTo(receiver);
    await Promise.all(accepted);
    expect(sender.lanes.stats.unacknowledgedBytes).toBe(0);
    expect(sender.lanes.send(B, 'r', LOST)).toBe(true);
    await sender.bringTo(receiver);
    expect(receiver.events).toEqual([
      `${A} r publication com.example.topic`,
      `${A} r publication com.example.topic`,
      `${A} gap`,
      `${A} r lost`,
    ]);
  });
});
