import { describe, expect, it } from 'vitest';
import { Hold } from '../../../../../src/backplane/redis/reachability/hold.js';

function scene(maxMessages = 10) {
  const heard: string[] = [];
  const state = { isOpen: true, nowMs: 0, costMs: 0 };
  const due: (() => void)[] = [];
  const gate = new Hold({
    isOpen: () => state.isOpen,
    hear: (channel, bytes) => {
      heard.push(`${channel} ${bytes[0]}`);
      state.nowMs += state.costMs;
    },
    maxMessages,
    turnMs: 10,
    maxWaitingBytes: 5,
    nowMs: () => state.nowMs,
    atEndOfTurn: (action) => due.push(action),
  });
  const endTurn = (): void => due.splice(0).forEach((action) => action());
  return { gate, heard, state, endTurn };
}

describe('Hold', () => {
  it('holds back what comes while it is closed, and hears it first and in order afterwards', () => {
    const { gate, heard, state } = scene();
    gate.receive('a', Uint8Array.of(1));
    state.isOpen = false;
    gate.receive('b', Uint8Array.of(2));
    gate.receive('a', Uint8Array.of(3));
    expect(heard).toEqual(['a 1']);
    state.isOpen = true;
    gate.receive('a', Uint8Array.of(4));
    expect(heard).toEqual(['a 1', 'b 2', 'a 3', 'a 4']);
  });

  it('hears it when told to, once, and nothing that was discarded', () => {
    const { gate, heard, state } = scene();
    state.isOpen = false;
    gate.receive('a', Uint8Array.of(1));
    gate.release();
    gate.release();
    gate.receive('a', Uint8Array.of(2));
    gate.discard();
    gate.release();
    expect(heard).toEqual(['a 1']);
  });

  it('is bounded', () => {
    const { gate, heard, state } = scene(2);
    state.isOpen = false;
    for (const number of [1, 2, 3]) gate.receive('a', Uint8Array.of(number));
    gate.release();
    expect(heard).toEqual(['a 1', 'a 2']);
  });

  it('hears in one turn what takes so long, and the rest in order in the next ones (G11)', () => {
    const { gate, heard, state, endTurn } = scene();
    state.costMs = 5;
    for (const number of [1, 2, 3, 4, 5]) gate.receive('a', Uint8Array.of(number));
    expect(heard).toEqual(['a 1', 'a 2']);
    endTurn();
    expect(heard).toEqual(['a 1', 'a 2', 'a 3', 'a 4']);
    gate.receive('b', Uint8Array.of(6));
    endTurn();
    expect(heard).toEqual(['a 1', 'a 2', 'a 3', 'a 4', 'a 5', 'b 6']);
    endTurn();
    endTurn();
    gate.receive('a', Uint8Array.of(7));
    expect(heard).toHaveLength(7);
  });

  it('hears more in a turn rather than to hold back without bound', () => {
    const { gate, heard, state } = scene();
    state.costMs = 10;
    for (let number = 1; number <= 10; number++) gate.receive('a', Uint8Array.of(number));
    // One at once, and five bytes may wait.
    expect(heard).toEqual(['a 1', 'a 2', 'a 3', 'a 4', 'a 5']);
  });

  it('holds back what waits for another turn when it closes meanwhile', () => {
    const { gate, heard, state, endTurn } = scene();
    state.costMs = 10;
    for (const number of [1, 2]) gate.receive('a', Uint8Array.of(number));
    state.isOpen = false;
    endTurn();
    expect(heard).toEqual(['a 1']);
    state.isOpen = true;
    gate.release();
    expect(heard).toEqual(['a 1', 'a 2']);
  });
});
