import { describe, expect, it } from 'vitest';
import type { Standing } from '../../../src/backplane/backplane.js';
import { Isolation, type IsolatedPolicy } from '../../../src/node/isolation.js';

function scene(policy: IsolatedPolicy) {
  const state: { standing: Standing } = { standing: 'certain' };
  const log: string[] = [];
  const due = new Set<() => void>();
  const isolation = new Isolation({
    policy,
    standing: () => state.standing,
    after: (_delayMs, action) => {
      const timer = (): void => action();
      due.add(timer);
      return () => due.delete(timer);
    },
    began: () => log.push('began'),
    close: () => log.push(`close, held: ${isolation.isHeld()}`),
  });
  const pass = (): void => {
    const now = [...due];
    due.clear();
    for (const action of now) action();
  };
  return { isolation, state, log, due, pass };
}

const STANDINGS = ['certain', 'unknown', 'isolated', 'over'] as const;

describe('Isolation', () => {
  it.each([
    ['serve', [false, true, false, true]],
    ['pause', [false, true, true, true]],
    ['close', [false, true, true, true]],
  ] as const)('%s: holds what clients send while nothing is known, and after the end', (policy, held) => {
    const { isolation, state } = scene(policy);
    expect(
      STANDINGS.map((standing) => {
        state.standing = standing;
        return isolation.isHeld();
      }),
    ).toEqual(held);
  });

  it('begins once for each time that the others cannot be reached, when the lease has run out', () => {
    const { isolation, state, log, pass } = scene('serve');
    for (let outage = 0; outage < 2; outage++) {
      state.standing = 'certain';
      isolation.lost();
      isolation.lost();
      pass();
      expect(log).toEqual([]);
      state.standing = 'isolated';
      pass();
      pass();
      expect(log.splice(0)).toEqual(['began']);
      isolation.regained();
      pass();
    }
    pass();
    expect(log).toEqual([]);
  });

  it('looks once at a time, however often the others are lost and regained', () => {
    const { isolation, due, pass } = scene('serve');
    for (let outage = 0; outage < 5; outage++) {
      isolation.lost();
      isolation.regained();
      isolation.lost();
    }
    expect(due.size).toBe(1);
    pass();
    expect(due.size).toBe(1);
    isolation.end();
    expect(due.size).toBe(0);
  });

  it('close: sends the sessions away, then lets in who comes, to learn that nobody can join', () => {
    const { isolation, state, log } = scene('close');
    state.standing = 'isolated';
    isolation.lost();
    expect(log).toEqual(['began', 'close, held: true']);
    expect(isolation.isHeld()).toBe(false);
    isolation.regained();
    expect(isolation.isHeld()).toBe(true);
  });

  it('is over when all sessions have been sent away', () => {
    const { isolation, state } = scene('serve');
    state.standing = 'over';
    expect(isolation.isHeld()).toBe(true);
    isolation.end();
    expect(isolation.isHeld()).toBe(false);
  });
});
