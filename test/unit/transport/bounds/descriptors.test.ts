import { describe, expect, it, vi } from 'vitest';
import {
  affordableConnections,
  descriptorLimit,
  watchDescriptors,
} from '../../../../src/transport/bounds/descriptors.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

describe('descriptors', () => {
  it('reads the limit of the process', () => {
    const limits =
      'Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096   files\n';
    expect(descriptorLimit(() => limits)).toBe(1_024);
    expect(descriptorLimit(() => limits.replace('1024', 'unlimited'))).toBeUndefined();
    expect(descriptorLimit(() => '')).toBeUndefined();
    expect(
      descriptorLimit(() => {
        throw new Error('no such file');
      }),
    ).toBeUndefined();
    if (process.platform === 'linux') expect(descriptorLimit()).toBeGreaterThan(0);
  });

  it.each([16, 64, 256, 1_024, 20_000, 1_048_576])('fits into %i descriptors', (limit) => {
    const { maxConnections, maxSurplusConnections } = affordableConnections(50_000, limit);
    expect(maxConnections).toBeGreaterThanOrEqual(1);
    expect(maxConnections).toBeLessThanOrEqual(50_000);
    expect(maxConnections).toBeGreaterThanOrEqual(Math.min(50_000, Math.floor(limit / 2)));
    expect(maxConnections + maxSurplusConnections).toBeLessThan(limit);
    expect(affordableConnections(10, limit).maxConnections).toBeLessThanOrEqual(10);
  });

  it('leaves the configured number where nobody knows the limit, or it is high', () => {
    expect(affordableConnections(50_000).maxConnections).toBe(50_000);
    expect(affordableConnections(50_000, 1_048_576).maxConnections).toBe(50_000);
  });

  it('logs once when nothing can be opened any more, and once when it can again', () => {
    vi.useFakeTimers();
    try {
      const log = new RecordingLogger();
      let code: string | undefined;
      const stop = watchDescriptors(log, () => {
        if (code !== undefined) throw Object.assign(new Error('cannot open'), { code });
      });
      for (const next of [undefined, 'EMFILE', 'EMFILE', 'EMFILE', undefined, undefined, 'EACCES', 'ENFILE']) {
        code = next;
        vi.advanceTimersByTime(5_000);
      }
      stop();
      code = undefined;
      vi.advanceTimersByTime(20_000);
      expect(log.lines.map(({ event }) => event)).toEqual([
        'descriptors.exhausted',
        'descriptors.available',
        'descriptors.exhausted',
      ]);
      expect(log.of('descriptors.exhausted')[0]?.fields).toMatchObject({ reason: 'EMFILE' });
    } finally {
      vi.useRealTimers();
    }
  });
});
