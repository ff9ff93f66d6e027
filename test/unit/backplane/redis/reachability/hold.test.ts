import { describe, expect, it } from 'vitest';
import { Hold, type HasTime } from '../../../../../src/backplane/redis/reachability/hold.js';

function scene(maxMessages = 10, maxBytes = 1_000) {
  const delivered: string[] = [];
  /** A message has this many parts, of `costMs` each. */
  const state = { isOpen: true, nowMs: 0, costMs: 0, parts: 1, lostCount: 0 };
  const due: (() => void)[] = [];
  let left = { text: '', parts: 0 };
  const proceed = (hasTime: HasTime): boolean => {
    while (left.parts > 0) {
      left.parts--;
      delivered.push(left.text);
      state.nowMs += state.costMs;
      if (!hasTime()) return left.parts === 0;
    }
    return true;
  };
  const hold = new Hold({
    isOpen: () => state.isOpen,
    receiver: {
      deliver: (channel, bytes, hasTime) => {
        left = { text: `${channel} ${bytes[0]}`, parts: state.parts };
        return proceed(hasTime);
      },
      proceed,
      abandon: () => {
        left.parts = 0;
      },
      lost: () => state.lostCount++,
    },
    maxMessages,
    maxBytes,
    turnMs: 10,
    maxWaitingBytes: 5,
    nowMs: () => state.nowMs,
    atEndOfTurn: (action) => due.push(action),
  });
  const endTurn = (): void => due.splice(0).forEach((action) => action());
  return { hold, delivered, state, endTurn };
}

describe('Hold', () => {
  it('holds back what comes while it is closed, and delivers it first and in order afterwards', () => {
    const { hold, delivered, state } = scene();
    hold.receive('a', Uint8Array.of(1));
    state.isOpen = false;
    hold.receive('b', Uint8Array.of(2));
    hold.receive('a', Uint8Array.of(3));
    expect(delivered).toEqual(['a 1']);
    state.isOpen = true;
    hold.receive('a', Uint8Array.of(4));
    expect(delivered).toEqual(['a 1', 'b 2', 'a 3', 'a 4']);
  });

  it('delivers it when released, once, and nothing that was discarded', () => {
    const { hold, delivered, state } = scene();
    state.isOpen = false;
    hold.receive('a', Uint8Array.of(1));
    hold.release();
    hold.release();
    hold.receive('a', Uint8Array.of(2));
    hold.discard();
    hold.release();
    expect(delivered).toEqual(['a 1']);
  });

  it('is bounded, and reports a loss once, behind what it kept', () => {
    const { hold, delivered, state } = scene(2);
    state.isOpen = false;
    for (const number of [1, 2]) hold.receive('a', Uint8Array.of(number));
    hold.release();
    expect(state.lostCount).toBe(0);
    for (const number of [3, 4, 5, 6]) hold.receive('a', Uint8Array.of(number));
    hold.release();
    expect(delivered).toEqual(['a 1', 'a 2', 'a 3', 'a 4']);
    expect(state.lostCount).toBe(1);
    hold.release();
    expect(state.lostCount).toBe(1);
  });

  it('is bounded in bytes too while it is closed', () => {
    const { hold, delivered, state } = scene(10, 3);
    state.isOpen = false;
    for (const number of [1, 2, 3]) hold.receive('a', Uint8Array.of(number, 0));
    state.isOpen = true;
    hold.release();
    expect(delivered).toEqual(['a 1', 'a 2']);
    expect(state.lostCount).toBe(1);
    for (const number of [4, 5]) hold.receive('a', Uint8Array.of(number, 0));
    expect(delivered.slice(2)).toEqual(['a 4', 'a 5']);
  });

  it('delivers in one turn what takes so long, and the rest in order in the next ones (G11)', () => {
    const { hold, delivered, state, endTurn } = scene();
    state.costMs = 5;
    for (const number of [1, 2, 3, 4, 5]) hold.receive('a', Uint8Array.of(number));
    expect(delivered).toEqual(['a 1', 'a 2']);
    endTurn();
    expect(delivered).toEqual(['a 1', 'a 2', 'a 3', 'a 4']);
    hold.receive('b', Uint8Array.of(6));
    endTurn();
    expect(delivered).toEqual(['a 1', 'a 2', 'a 3', 'a 4', 'a 5', 'b 6']);
    endTurn();
    endTurn();
    hold.receive('a', Uint8Array.of(7));
    expect(delivered).toHaveLength(7);
  });

  it('delivers more in a turn rather than hold back without bound', () => {
    const { hold, delivered, state } = scene();
    state.costMs = 10;
    for (let number = 1; number <= 10; number++) hold.receive('a', Uint8Array.of(number));
    // One at once, and five bytes may wait.
    expect(delivered).toEqual(['a 1', 'a 2', 'a 3', 'a 4', 'a 5']);
  });

  it('holds back what waits for another turn when it closes meanwhile', () => {
    const { hold, delivered, state, endTurn } = scene();
    state.costMs = 10;
    for (const number of [1, 2]) hold.receive('a', Uint8Array.of(number));
    state.isOpen = false;
    endTurn();
    expect(delivered).toEqual(['a 1']);
    state.isOpen = true;
    hold.release();
    expect(delivered).toEqual(['a 1', 'a 2']);
  });

  it('continues in the next turn with the message that took too long, before later ones (G11)', () => {
    const { hold, delivered, state, endTurn } = scene();
    Object.assign(state, { costMs: 5, parts: 3 });
    hold.receive('a', Uint8Array.of(1));
    state.parts = 1;
    hold.receive('b', Uint8Array.of(2));
    expect(delivered).toEqual(['a 1', 'a 1']);
    endTurn();
    expect(delivered).toEqual(['a 1', 'a 1', 'a 1', 'b 2']);
  });

  it('gives a message that lasts very long more of each turn: the own probe waits behind it', () => {
    const { hold, delivered, state, endTurn } = scene();
    Object.assign(state, { costMs: 10, parts: 20 });
    hold.receive('a', Uint8Array.of(1));
    const turn = (pauseMs: number): number => {
      const before = delivered.length;
      state.nowMs += pauseMs;
      endTurn();
      return delivered.length - before;
    };
    expect(delivered).toHaveLength(1);
    expect([turn(40), turn(1_000), turn(1_000)]).toEqual([1, 4, 10]);
  });

  it('does not continue while it is closed, nor after it was discarded', () => {
    const { hold, delivered, state, endTurn } = scene();
    Object.assign(state, { costMs: 10, parts: 3 });
    hold.receive('a', Uint8Array.of(1));
    state.isOpen = false;
    endTurn();
    expect(delivered).toEqual(['a 1']);
    state.isOpen = true;
    hold.release();
    expect(delivered).toEqual(['a 1', 'a 1']);
    hold.discard();
    endTurn();
    expect(delivered).toEqual(['a 1', 'a 1']);
  });

  it('keeps the order when the receiver of a message releases it', () => {
    const delivered: number[] = [];
    let isOpen = false as boolean;
    const hold: Hold = new Hold({
      isOpen: () => isOpen,
      receiver: {
        deliver: (_, [number = 0]) => {
          hold.release();
          delivered.push(number);
          return true;
        },
        proceed: () => true,
        abandon: () => undefined,
        lost: () => undefined,
      },
      maxMessages: 10,
      maxBytes: 1_000,
      turnMs: 10,
      maxWaitingBytes: 5,
      nowMs: () => 0,
      atEndOfTurn: () => undefined,
    });
    for (const number of [1, 2, 3]) hold.receive('a', Uint8Array.of(number));
    isOpen = true;
    hold.release();
    expect(delivered).toEqual([1, 2, 3]);
  });
});
