import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../../src/backplane/backplane.js';
import { OutageLog } from '../../../../../src/backplane/redis/reachability/outage-log.js';
import { VirtualTime } from '../../../../simulation/virtual-time.js';
import { RecordingLogger } from '../../../../support/recording-logger.js';

function scene() {
  const time = new VirtualTime();
  const logger = new RecordingLogger();
  const outages = new OutageLog({
    logger,
    nowMs: () => time.nowMs,
    after: (delayMs, action) => time.after(delayMs, action),
  });
  /** What two nodes would try in that time, as often as they do. */
  const suffer = async (durationMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 500) {
      outages.requestFailed(
        'renewing the lease',
        new BackplaneUnavailableError('renew_lease', new Error('no connection')),
      );
      outages.notice({ level: 'warn', kind: 'attempt_failed', connection: 'bus', message: 'connect ECONNREFUSED' });
      outages.requestFailed('renewing the lease', new BackplaneUnavailableError('renew_lease'));
      await time.advanceTo(time.nowMs + 500, () => undefined);
    }
  };
  const lost = (): void =>
    outages.notice({ level: 'warn', kind: 'lost', connection: 'bus', message: 'the bus connection was lost' });
  const lines = (): unknown[] => logger.lines.splice(0).map(({ event, fields }) => ({ event, ...fields }));
  return { time, outages, suffer, lost, lines };
}

describe('the log of outages', () => {
  it('knows why the last attempt to connect failed, until all connections are ready', () => {
    const { outages } = scene();
    expect(outages.failedAttempt).toBeUndefined();
    outages.notice({ level: 'warn', kind: 'attempt_failed', connection: 'bus', message: 'connect ECONNREFUSED' });
    expect(outages.failedAttempt).toBe('connect ECONNREFUSED');
    outages.notice({ level: 'info', kind: 'connected', message: 'all connections are ready' });
    expect(outages.failedAttempt).toBeUndefined();
  });
});

describe('an outage', () => {
  it('has one line a minute, however much fails in it', async () => {
    const { outages, suffer, lost, lines } = scene();
    lost();
    await suffer(1_000);
    outages.reported();
    expect(outages.reason).toBe('connect ECONNREFUSED');
    expect(lines()).toEqual([]);
    await suffer(180_000);
    expect(lines()).toMatchObject([1, 2, 3].map((minute) => ({ reason: 'still_down', durationMs: minute * 60_000 })));
    outages.end();
    await suffer(0);
    expect(lines()).toEqual([]);
  });

  it('that is too short for the node to report it has one line, with how long it took; many have one a minute', async () => {
    const { time, outages, suffer, lost, lines } = scene();
    for (let blip = 0; blip < 10; blip++) {
      lost();
      await suffer(500);
      outages.end();
    }
    expect(lines()).toMatchObject([{ event: 'backplane.store', reason: 'lost', durationMs: 500 }]);
    await time.advanceTo(time.nowMs + 60_000, () => undefined);
    lost();
    outages.end();
    expect(lines()).toMatchObject([{ reason: 'lost', count: 9 }]);
  });

  it('hides nothing that somebody has to mend', () => {
    const { outages, lost, lines } = scene();
    lost();
    for (let link = 0; link < 3; link++)
      outages.notice({ level: 'error', kind: 'unusable', message: 'Redis refuses the password' });
    expect(lines()).toMatchObject([{ reason: 'unusable', message: 'Redis refuses the password' }]);
  });
});

it('what fails again and again without an outage has its first line at once, and then one a minute with its count', async () => {
  const { outages, suffer, lines, time } = scene();
  await suffer(3_000);
  expect(lines()).toMatchObject([
    {
      event: 'backplane.request_failed',
      reason: 'renewing the lease',
      message: expect.stringContaining('no connection'),
    },
    { event: 'backplane.store', reason: 'attempt_failed' },
  ]);
  await time.advanceTo(time.nowMs + 60_000, () => undefined);
  outages.requestFailed('renewing the lease', new Error('a bug'));
  expect(lines()).toMatchObject([{ reason: 'renewing the lease', count: 11, error: { message: 'a bug' } }]);
});
