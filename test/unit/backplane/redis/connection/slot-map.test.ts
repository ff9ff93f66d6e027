import { describe, expect, it } from 'vitest';
import { SlotMap } from '../../../../../src/backplane/redis/connection/slot-map.js';
import { slotOf } from '../../../../../src/backplane/redis/connection/slots.js';

const whole = (host: unknown, port: unknown = 7_000): unknown[] => [[0, 16_383, [host, port, 'id', []]]];

describe('the slots of a Redis Cluster', () => {
  it('are those of the hash tag, as the server computes them', () => {
    expect(slotOf('123456789')).toBe(12_739);
    expect(slotOf('gantry:{nodes}:changes')).toBe(slotOf('{nodes}'));
  });

  it('belong to the primaries that the reply names, without host to the server that was asked', () => {
    const map = SlotMap.parse(
      [
        [0, 99, ['b', 1, 'id']],
        [100, 16_383, [null, 2, 'id'], ['c', 3, 'replica']],
      ],
      'asked',
    );
    expect([...map.primaries.keys()].sort()).toEqual(['asked:2', 'b:1']);
    expect(map.ownerOf('123456789')).toBe('asked:2');
  });

  it('differ when one has another owner, which is named', () => {
    const before = SlotMap.parse(whole('a'), 'a');
    const after = SlotMap.parse(
      [
        [0, 5, ['b', 1]],
        [6, 16_383, ['a', 7_000]],
      ],
      'a',
    );
    const moved = after.movedSince(before);
    expect([...moved]).toEqual([0, 1, 2, 3, 4, 5].map((slot) => [slot, 'b:1']));
    expect(before.movedSince(before).size).toBe(0);
    expect(after.agreesOn(moved)).toBe(true);
    expect(before.agreesOn(moved)).toBe(false);
    expect(before.agreesOn(moved, 'a:7000')).toBe(true);
    expect(before.agreesOn(moved, 'b:1')).toBe(false);
  });

  it('without a server are an outage that the message names', () => {
    expect(() => SlotMap.parse([[0, 16_382, ['a', 1]]], 'a')).toThrow(
      '1 of 16384 slots of the Redis Cluster have no server',
    );
    expect(() => SlotMap.parse(whole('?'), 'a')).toThrow('cluster-announce-hostname');
  });

  it.each([null, 'x', [1], [[0, 16_384, ['a', 1]]], [[5, 4, ['a', 1]]], whole('a', 'x')])(
    'are not read from a reply of another shape: %j',
    (reply) => {
      expect(() => SlotMap.parse(reply, 'a')).toThrow(TypeError);
    },
  );
});
