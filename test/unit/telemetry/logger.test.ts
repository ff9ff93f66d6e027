import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCounters } from '../../../src/telemetry/counters.js';
import { createLogger, type LoggerOptions } from '../../../src/telemetry/logger.js';

function recorded(options: LoggerOptions = {}) {
  const lines: string[] = [];
  const logger = createLogger({ format: 'json', ...options, destination: { write: (line) => void lines.push(line) } });
  const parsed = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logger, lines, parsed };
}

describe('logger', () => {
  it('writes one JSON object per line with level, time, event and fields', () => {
    const { logger, lines, parsed } = recorded();
    logger.info({ host: '127.0.0.1', port: 8080 }, 'server.listening');
    expect(lines[0]?.endsWith('}\n')).toBe(true);
    expect(parsed()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        host: '127.0.0.1',
        port: 8080,
        msg: 'server.listening',
      },
    ]);
  });

  it('leaves out what is below the level', () => {
    const { logger, parsed } = recorded({ level: 'warn' });
    logger.info({}, 'node.started');
    logger.warn({}, 'backplane.down');
    expect(parsed().map((line) => line['msg'])).toEqual(['backplane.down']);
  });

  it('gives the fields of a child to each of its lines', () => {
    const { logger, parsed } = recorded();
    logger.child({ node: 'a' }).info({ port: 1 }, 'ops.listening');
    expect(parsed()[0]).toMatchObject({ node: 'a', port: 1 });
  });

  it('reports an error with its stack and its cause', () => {
    const { logger, parsed } = recorded();
    logger.error({ error: new Error('outer', { cause: new Error('inner') }) }, 'node.failed');
    expect(parsed()[0]?.['error']).toMatchObject({
      message: 'outer',
      cause: { message: 'inner' },
      stack: expect.any(String),
    });
  });

  it('never writes credentials', () => {
    const { logger, lines } = recorded();
    const careless = { url: 'redis://user:hunter2@host/0', password: 'hunter2', error: { ticket: 'hunter2' } };
    logger.info(careless, 'backplane.up');
    logger.child(careless).info({}, 'backplane.up');
    expect(lines).toHaveLength(2);
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('//[redacted]@host/0');
  });

  it('cuts text that came from the network', () => {
    const { logger, lines } = recorded();
    logger.info({ message: 'x'.repeat(1_000_000) }, 'session.violation');
    expect(lines[0]?.length).toBeLessThan(1_000);
  });

  it('writes control characters escaped, so that a peer cannot forge lines', () => {
    for (const format of ['json', 'pretty'] as const) {
      const { logger, lines } = recorded({ format });
      logger.info({ reason: 'a\nb\u001b[31m' }, 'session.refused');
      expect(lines.join('').trimEnd()).not.toMatch(/[\n\u001b]/);
    }
  });

  it('is readable by people when asked to', () => {
    const { logger, lines } = recorded({ format: 'pretty' });
    logger.warn({ port: 8080 }, 'server.listening');
    expect(lines.join('')).toMatch(/WARN.*server\.listening.*"port":8080/);
  });
});

describe('log volume', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('writes no more lines of an event per second than allowed, then one line with what was left out', () => {
    const counters = createCounters();
    const { logger, parsed } = recorded({ counters, maxLinesPerSecondPerEvent: 3, nowMs: () => Date.now() });
    for (let index = 0; index < 10; index++) logger.warn({ count: index }, 'session.violation');
    logger.info({}, 'session.opened');
    expect(parsed().map((line) => line['msg'])).toEqual([
      'session.violation',
      'session.violation',
      'session.violation',
      'session.opened',
    ]);
    vi.advanceTimersByTime(1_000);
    expect(parsed().slice(4)).toMatchObject([{ msg: 'log.suppressed', event: 'session.violation', count: 7 }]);
    expect(counters.logLines).toMatchObject({ written: 5, suppressed: 7 });
  });

  it('starts anew each second and logs nothing when nothing was left out', () => {
    const { logger, parsed } = recorded({ maxLinesPerSecondPerEvent: 1, nowMs: () => Date.now() });
    for (let second = 0; second < 3; second++) {
      logger.info({}, 'session.opened');
      vi.advanceTimersByTime(1_000);
    }
    expect(parsed().map((line) => line['msg'])).toEqual(['session.opened', 'session.opened', 'session.opened']);
  });

  it('bounds all events together, but never for the sake of others an error', () => {
    const { logger, parsed } = recorded({ maxLinesPerSecond: 2, nowMs: () => Date.now() });
    logger.info({}, 'session.opened');
    logger.info({}, 'session.closed');
    logger.info({}, 'session.refused');
    logger.child({}).info({}, 'realm.created');
    logger.error({}, 'authorizer.failed');
    expect(parsed().map((line) => line['msg'])).toEqual(['session.opened', 'session.closed', 'authorizer.failed']);
  });
});
