import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import { maxMemoryBytes, maxTotalUnsentBytes, memoryAdvice, memoryBytes } from '../../../src/config/memory.js';

const MiB = 1_048_576;
const GiB = 1_024 * MiB;

describe('memory', () => {
  const reader = (constrained: number | undefined, machine = 16 * GiB) => ({
    constrainedBytes: () => constrained,
    machineBytes: () => machine,
  });

  it.each([
    ['the container', 512 * MiB, 512 * MiB],
    ['the machine where there is no container', undefined, 16 * GiB],
    ['the machine where the container has no limit', 0, 16 * GiB],
    ['the machine where the limit is beyond it', 2 ** 63, 16 * GiB],
  ])('is that of %s', (_name, constrained, bytes) => {
    expect(memoryBytes(reader(constrained))).toBe(bytes);
  });

  it('is read from the operating system', () => {
    expect(memoryBytes()).toBeGreaterThan(64 * MiB);
  });

  it.each([
    [512 * MiB, 128 * MiB],
    [GiB, 256 * MiB],
    [2 * GiB, 512 * MiB],
    [64 * GiB, GiB],
    [8 * MiB, 4 * MiB],
  ])('of %i bytes gives readers %i', (memory, unsent) => {
    expect(maxTotalUnsentBytes(parseConfig({}), reader(memory, 128 * GiB))).toBe(unsent);
  });

  it('gives way to what is configured', () => {
    const config = parseConfig({ limits: { maxTotalUnsentBytes: 2 * GiB } });
    expect(maxTotalUnsentBytes(config, reader(GiB))).toBe(2 * GiB);
  });

  it('is used up to four fifths, or as configured', () => {
    expect(maxMemoryBytes(parseConfig({}), reader(1_000 * MiB))).toBe(800 * MiB);
    expect(maxMemoryBytes(parseConfig({ limits: { maxMemoryPercent: 50 } }), reader(GiB))).toBe(512 * MiB);
  });

  it('is named with the setting that needs more than half of it', () => {
    const advised = (limits: object, memory: number) => memoryAdvice(parseConfig({ limits }), reader(memory));
    expect(advised({}, 512 * MiB)).toEqual([]);
    expect(advised({ maxTotalUnsentBytes: 256 * MiB }, 512 * MiB)).toEqual([]);
    expect(advised({ maxTotalUnsentBytes: GiB }, GiB)).toEqual([
      expect.stringMatching(/^limits\.maxTotalUnsentBytes: 1024 MiB .* 1024 MiB .* half/),
    ]);
    expect(advised({ maxUnsentBytes: 512 * MiB }, GiB)).toEqual([]);
    expect(advised({ maxUnsentBytes: 768 * MiB }, GiB)).toEqual([expect.stringMatching(/^limits\.maxUnsentBytes: /)]);
  });
});
