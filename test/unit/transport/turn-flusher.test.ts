import { describe, expect, it } from 'vitest';
import { SYSTEM_CALL_BYTES, TURN_BYTES, TurnFlusher } from '../../../src/transport/turn-flusher.js';

describe('turn flusher', () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('runs what is added during a flush in the next turn', async () => {
    const flusher = new TurnFlusher();
    const order: string[] = [];
    const note = (name: string) => ({ flush: () => order.push(name) });
    flusher.add({
      flush: () => {
        flusher.add(note('later'));
        setImmediate(() => order.push('turn over'));
        return 0;
      },
    });
    await new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));
    expect(order).toEqual(['later', 'turn over']);
  });

  it('goes on in the next turn when one has cost enough, before what was added meanwhile', async () => {
    const flusher = new TurnFlusher();
    const order: number[] = [];
    const costing = (name: number) => ({
      flush: () => {
        order.push(name);
        return TURN_BYTES / 2;
      },
    });
    for (let name = 0; name < 5; name++) flusher.add(costing(name));
    await turn();
    expect(order).toEqual([0, 1]);
    flusher.add(costing(5));
    expect(flusher.due()).toHaveLength(4);
    await turn();
    await turn();
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
    expect(flusher.due()).toEqual([]);
  });

  it('takes longer turns while more is added than is sent', async () => {
    const flusher = new TurnFlusher();
    let flushed = 0;
    const member = {
      flush: () => {
        flushed++;
        return TURN_BYTES;
      },
    };
    for (let round = 0; round < 6; round++) {
      for (let count = 0; count < 10; count++) flusher.add(member);
      await turn();
    }
    expect(flushed).toBeGreaterThan(6 + 3);
    while (flusher.due().length > 0) await turn();
    expect(flushed).toBe(60);
  });

  it('counts the system calls of small writes too', async () => {
    const flusher = new TurnFlusher();
    let flushed = 0;
    const count = (2 * TURN_BYTES) / SYSTEM_CALL_BYTES;
    for (let index = 0; index < count; index++) {
      flusher.add({
        flush: () => {
          flushed++;
          return SYSTEM_CALL_BYTES;
        },
      });
    }
    await turn();
    expect(flushed).toBe(count / 2);
  });
});
