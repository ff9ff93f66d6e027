import { describe, expect, it } from 'vitest';
import { MAX_LOST_BATCHES } from '../../../../../src/backplane/redis/lanes/inbound-lane.js';
import { withSequence } from '../../../../support/forged.js';
import { A, B, publicationOf } from '../../../../support/lane-items.js';
import { pair } from '../../../../support/lanes-under-test.js';

/** Two lanes; the receiver has received one batch of the sender, and the test holds a copy to forge others from. */
function scene() {
  const { sender, receiver } = pair();
  const say = (name: string): Uint8Array => {
    void sender.lanes.publish([B], 'r', publicationOf({ topic: name }));
    const [sent] = sender.endTurn();
    return sent!.bytes;
  };
  const hear = (bytes: Uint8Array): string[] => {
    receiver.lanes.receive(bytes);
    return receiver.heard.splice(0);
  };
  const heartbeat = (): Uint8Array => {
    sender.lanes.heartbeat();
    return sender.takeSent()[0]!.bytes;
  };
  const first = say('first');
  expect(hear(first)).toEqual([`${A} r publication first`]);
  return { say, hear, heartbeat, first, receiver };
}

describe('a forged sequence', () => {
  it.each([MAX_LOST_BATCHES + 100, 2 ** 31 - 1, 2 ** 32, 2 ** 52, 2 ** 53 - 1])(
    'of %d is ahead of reason: it is ignored, and nothing genuine is lost (G3)',
    (sequence) => {
      const { say, hear, heartbeat, first, receiver } = scene();
      expect(hear(withSequence(first, sequence))).toEqual([]);
      expect(receiver.counters.messagesIgnored.far).toBe(1);
      expect(hear(say('second'))).toEqual([`${A} r publication second`]);
      expect(hear(heartbeat())).toEqual([]);
    },
  );

  it('within reason is a gap; two heartbeats that do not fit reset the lane, which is a gap too (G3)', () => {
    const { say, hear, heartbeat, first, receiver } = scene();
    expect(hear(withSequence(first, 1_000))).toEqual([`${A} gap`, `${A} r publication first`]);
    expect(hear(say('ignored'))).toEqual([]);
    expect(hear(heartbeat())).toEqual([]);
    receiver.nowMs += 1_000;
    expect(hear(say('ignored too'))).toEqual([]);
    expect(hear(heartbeat())).toEqual([`${A} gap`]);
    expect(receiver.counters.laneGaps).toMatchObject({ sequence: 1, reset: 1 });
    expect(hear(say('heard'))).toEqual([`${A} r publication heard`]);
    expect(hear(heartbeat())).toEqual([]);
  });

  it('of a heartbeat does the same', () => {
    const { say, hear, heartbeat, receiver } = scene();
    expect(hear(withSequence(heartbeat(), 1_000))).toEqual([`${A} gap`]);
    expect(hear(heartbeat())).toEqual([]);
    receiver.nowMs += 1_000;
    expect(hear(heartbeat())).toEqual([`${A} gap`]);
    expect(hear(say('heard'))).toEqual([`${A} r publication heard`]);
  });

  it('that the node catches up with hides no loss: what came meanwhile was ignored, and that is a gap (G3)', () => {
    const { say, hear, first } = scene();
    hear(withSequence(first, 3));
    expect(hear(say('second: ignored'))).toEqual([]);
    expect(hear(say('third: ignored'))).toEqual([]);
    expect(hear(say('fourth'))).toEqual([`${A} gap`, `${A} r publication fourth`]);
    expect(hear(say('fifth'))).toEqual([`${A} r publication fifth`]);
  });
});

describe('messages of old', () => {
  it('are ignored without a gap, however many and between whichever others', () => {
    const { say, hear, heartbeat, first, receiver } = scene();
    const old = [first, heartbeat(), say('second')];
    hear(old[2]!);
    for (let round = 0; round < 3; round++) {
      receiver.nowMs += 1_000;
      for (const bytes of old) expect(hear(bytes)).toEqual([]);
      expect(hear(say('new'))).toEqual([`${A} r publication new`]);
      expect(hear(heartbeat())).toEqual([]);
    }
  });

  it('do not reset a lane by coming all at once, heartbeats among them', () => {
    const { say, hear, heartbeat } = scene();
    const old = [heartbeat(), say('second'), heartbeat(), say('third'), heartbeat()];
    for (const bytes of old) hear(bytes);
    for (const bytes of old.slice(0, 3)) expect(hear(bytes)).toEqual([]);
    expect(hear(say('new'))).toEqual([`${A} r publication new`]);
  });
});

it('a loss larger than reason is believed when two heartbeats show it', () => {
  const { hear, heartbeat, receiver } = scene();
  const far = withSequence(heartbeat(), 2 ** 40);
  expect(hear(far)).toEqual([]);
  receiver.nowMs += 1_000;
  expect(hear(far)).toEqual([`${A} gap`]);
  expect(hear(withSequence(heartbeat(), 2 ** 40))).toEqual([]);
});
