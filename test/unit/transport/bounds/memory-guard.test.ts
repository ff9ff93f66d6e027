import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryGuard, QUIET_CHECKS } from '../../../../src/transport/bounds/memory-guard.js';

const MAX_BYTES = 1_000;

class Guarded {
  quietChecks = 0;
  isCut = false;

  cut(): void {
    this.isCut = true;
  }
}

describe('memory guard', () => {
  let used: number;
  let connections: Guarded[];
  let changes: boolean[];
  let guard: MemoryGuard;

  beforeEach(() => {
    used = 0;
    connections = Array.from({ length: 20 }, () => new Guarded());
    changes = [];
    guard = new MemoryGuard({
      maxBytes: MAX_BYTES,
      usedBytes: () => used,
      maxUnfinishedBytes: 100,
      connections,
      onChange: (isShort) => changes.push(isShort),
    });
  });

  const check = (times: number, bytes: number) => {
    used = bytes;
    for (let count = 0; count < times; count++) guard.check();
  };
  const cut = () => connections.flatMap(({ isCut }, index) => (isCut ? [index] : []));

  it('does nothing while there is enough', () => {
    check(50, MAX_BYTES);
    expect(guard.isShort).toBe(false);
    expect(changes).toEqual([]);
    expect(cut()).toEqual([]);
    for (const connection of connections) connection.quietChecks = 0;
    check(50, MAX_BYTES * 0.75);
    expect(connections.every(({ quietChecks }) => quietChecks === 0)).toBe(true);
  });

  it('accepts nobody from the bound until a little is free again, and closes nobody there', () => {
    check(50, MAX_BYTES + 1);
    expect(guard.isShort).toBe(true);
    check(1, MAX_BYTES * 0.96);
    expect(guard.isShort).toBe(true);
    check(1, MAX_BYTES * 0.95);
    expect(guard.isShort).toBe(false);
    expect(changes).toEqual([true, false]);
    expect(cut()).toEqual([]);
  });

  it('cuts the newest that have sent nothing whole, as many as could hold the excess', () => {
    check(QUIET_CHECKS, 1_250);
    expect(cut()).toEqual([]);
    connections[19]!.quietChecks = 0;
    check(1, 1_250);
    expect(cut()).toEqual([16, 17, 18]);
  });

  it('cuts more only when more is used than then, because memory may come back late', () => {
    check(QUIET_CHECKS + 1, 1_150);
    expect(cut()).toEqual([18, 19]);
    connections.splice(18);
    check(20, 1_150);
    expect(cut()).toEqual([]);
    check(1, 1_151);
    expect(cut()).toEqual([16, 17]);
  });

  it('has looked who is quiet before it must cut anybody', () => {
    check(QUIET_CHECKS + 1, MAX_BYTES);
    expect(cut()).toEqual([]);
    check(1, 1_150);
    expect(cut()).toEqual([18, 19]);
  });

  it('begins anew after there was enough', () => {
    check(QUIET_CHECKS + 1, 1_150);
    connections.splice(18);
    check(1, MAX_BYTES / 2);
    check(QUIET_CHECKS, 1_150);
    expect(cut()).toEqual([]);
    check(1, 1_150);
    expect(cut()).toEqual([16, 17]);
  });
});
