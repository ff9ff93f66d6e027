import { describe, expect, it } from 'vitest';
import { payloadOf } from '../../../../../src/codec/payload.js';
import { A, B, C, publicationOf } from '../../../../support/lane-items.js';
import { LanesUnderTest, pair, READS, settled } from '../../../../support/lanes-under-test.js';

const limits = { maxBatchBytes: 65_536, maxUnacknowledgedBytes: 1_048_576 };
/** Each long enough for a block of its own. */
const publications = [1, 2, 3].map((number) =>
  publicationOf({ topic: `topic.${number}`, payload: payloadOf([`${number}`.repeat(20_000)]) }),
);
const [first, second, third] = publications as [
  (typeof publications)[0],
  (typeof publications)[0],
  (typeof publications)[0],
];

describe('the memory of long batches', () => {
  it('is used again after the receipt, and not before', async () => {
    const { sender, receiver } = pair(limits);
    const send = (publication: typeof first) => {
      void sender.lanes.publish([B], 'r', publication);
      return sender.endTurn()[0]!;
    };
    const one = send(first);
    const two = send(second);
    expect(two.bytes.buffer).not.toBe(one.bytes.buffer);
    receiver.lanes.receive(one.bytes);
    one.receipt(1);
    await settled();
    const three = send(third);
    expect(three.bytes.buffer).toBe(one.bytes.buffer);
    receiver.lanes.receive(two.bytes);
    receiver.lanes.receive(three.bytes);
    expect(receiver.events).toEqual([1, 2, 3].map((number) => `${A} r publication topic.${number}`));
  });

  it('is not used again where Redis may not have all of it', async () => {
    const { sender } = pair(limits);
    const refused = sender.lanes.publish([B], 'r', first);
    const [one] = sender.endTurn();
    one!.fail();
    await expect(refused).rejects.toThrow();
    void sender.lanes.publish([B], 'r', second);
    expect(sender.endTurn()[0]!.bytes.buffer).not.toBe(one!.bytes.buffer);
  });

  it('holds the items that other lanes copy from it until they have left, too', async () => {
    const { sender, receiver } = pair(limits);
    const other = new LanesUnderTest(C);
    other.lanes.open(A, READS);
    for (const publication of publications) {
      void sender.lanes.publish([B, C], 'r', publication);
      // The receipt of one lane comes before the message of the other is read.
      const [toB, toC] = sender.endTurn();
      receiver.lanes.receive(toB!.bytes);
      toB!.receipt(1);
      await settled();
      void sender.lanes.publish([B], 'r', first);
      sender.endTurn()[0]!.receipt(1);
      other.lanes.receive(toC!.bytes);
      await settled();
    }
    expect(other.events).toEqual([1, 2, 3].map((number) => `${A} r publication topic.${number}`));
  });
});
