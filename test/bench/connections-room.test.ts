import { describe, expect, it } from 'vitest';
import { roomIn } from '../../bench/scenarios/connections/room.js';

const limits = (hard: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             96000                96000                processes
Max open files            1024                 ${hard.padEnd(20)} files
`;
const memory = (kib: number) => `MemTotal:       99999999 kB\nMemAvailable:   ${kib} kB\n`;

describe('room for connections', () => {
  it('takes all that are wanted where limits and memory allow them', () => {
    expect(roomIn(50_000, limits('unlimited'), memory(8_388_608))).toEqual({ count: 50_000, remedy: null });
    expect(roomIn(50_000, limits('1048576'), '')).toEqual({ count: 50_000, remedy: null });
  });

  it('takes what the limit of open files allows, and names the limit that all need', () => {
    const { count, remedy } = roomIn(50_000, limits('20000'), memory(8_388_608));
    expect(count).toBe(19_500);
    expect(remedy).toContain('ulimit -Hn 50500');
  });

  it('takes what fits into memory, and names what all need', () => {
    const { count, remedy } = roomIn(50_000, limits('1048576'), memory(1_048_576));
    expect(count).toBe(16_384);
    expect(remedy).toContain('3.1 GiB');
  });
});
