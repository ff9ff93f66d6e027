import { describe, expect, it } from 'vitest';
import { MAX_LOST_BATCHES } from '../../../../../src/backplane/redis/lanes/inbound-lane.js';
import { withSequence } from '../../../../support/forged.js';
import { A, B, publicationOf } from '../../../../support/lane-items.js';
import { pair } from '../../../../support/lanes-under-test.js';

/** Two lanes; the receiver has received one batch of the sender, and the test holds a copy to forge others from. */
function scene() {
  const { sender, receiver } = pair();
  const publish = (name: string): Uint8Array => {
    void sender.lanes.publish([B], 'r', publicationOf({ topic: name }));
    const [sent] = sender.endTurn();
    return sent!.bytes;
  };
  const receive = (bytes: Uint8Array): string[] => {
    receiver.lanes.receive(bytes);
    return receiver.events.splice(0);
  };
  const heartbeat = (): Uint8Array => {
    sender.lanes.heartbeat();
    return sender.takeSent()[0]!.bytes;
  };
  const first = publish('first');
  expect(receive(first)).toEqual([`${A} r publication first`]);
  return { publish, receive, heartbeat, first, receiver };
}

describe('a forged sequence', () => {
  it.each([MAX_LOST_BATCHES + 100, 2 ** 31 - 1, 2 ** 32, 2 ** 52, 2 ** 53 - 1])(
    'of %d is ahead of reason: it is ignored, and nothing genuine is lost (G3)',
    (sequence) => {
      const { publish, receive, heartbeat, first, receiver } = scene();
      expect(receive(withSequence(first, sequence))).toEqual([]);
      expect(receiver.counters.messagesIgnored.far).toBe(1);
      expect(receive(publish('second'))).toEqual([`${A} r publication second`]);
      expect(receive(heartbeat())).toEqual([]);
    },
  );

  it('within reason is a gap; two heartbeats that do not fit reset the lane, which is a gap too (G3)', () => {
    const { publish, receive, heartbeat, first, receiver } = scene();
    expect(receive(withSequence(first, 1_000))).toEqual([`${A} gap`, `${A} r publication first`]);
    expect(receive(publish('ignored'))).toEqual([]);
    expect(receive(heartbeat())).toEqual([]);
    receiver.nowMs += 1_000;
    expect(receive(publish('ignored too'))).toEqual([]);
    expect(receive(heartbeat())).toEqual([`${A} gap`]);
    expect(receiver.counters.laneGaps).toMatchObject({ sequence: 1, reset: 1 });
    expect(receive(publish('received'))).toEqual([`${A} r publication received`]);
    expect(receive(heartbeat())).toEqual([]);
  });

  it('of a heartbeat does the same', () => {
    const { publish, receive, heartbeat, receiver } = scene();
    expect(receive(withSequence(heartbeat(), 1_000))).toEqual([`${A} gap`]);
    expect(receive(heartbeat())).toEqual([]);
    receiver.nowMs += 1_000;
    expect(receive(heartbeat())).toEqual([`${A} gap`]);
    expect(receive(publish('received'))).toEqual([`${A} r publication received`]);
  });

  it('that the node catches up with hides no loss: what came meanwhile was ignored, and that is a gap (G3)', () => {
    const { publish, receive, first } = scene();
    receive(withSequence(first, 3));
    expect(receive(publish('second: ignored'))).toEqual([]);
    expect(receive(publish('third: ignored'))).toEqual([]);
    expect(receive(publish('fourth'))).toEqual([`${A} gap`, `${A} r publication fourth`]);
    expect(receive(publish('fifth'))).toEqual([`${A} r publication fifth`]);
  });
});

describe('messages of old', () => {
  it('are ignored without a gap, however many and between whichever others', () => {
    const { publish, receive, heartbeat, first, receiver } = scene();
    const old = [first, heartbeat(), publish('second')];
    receive(old[2]!);
    for (let round = 0; round < 3; round++) {
      receiver.nowMs += 1_000;
      for (const bytes of old) expect(receive(bytes)).toEqual([]);
      expect(receive(publish('new'))).toEqual([`${A} r publication new`]);
      expect(receive(heartbeat())).toEqual([]);
    }
  });

  it('do not reset a lane by coming all at once, heartbeats among them', () => {
    const { publish, receive, heartbeat } = scene();
    const old = [heartbeat(), publish('second'), heartbeat(), publish('third'), heartbeat()];
    for (const bytes of old) receive(bytes);
    for (const bytes of old.slice(0, 3)) expect(receive(bytes)).toEqual([]);
    expect(receive(publish('new'))).toEqual([`${A} r publication new`]);
  });
});

it('a loss larger than reason is believed when two heartbeats show it', () => {
  const { receive, heartbeat, receiver } = scene();
  const far = withSequence(heartbeat(), 2 ** 40);
  expect(receive(far)).toEqual([]);
  receiver.nowMs += 1_000;
  expect(receive(far)).toEqual([`${A} gap`]);
  expect(receive(withSequence(heartbeat(), 2 ** 40))).toEqual([]);
});
