import { describe, expect, it } from 'vitest';
import type { OpeningSessions } from '../../../../src/realm/sessions/reservations.js';
import { SessionKiller } from '../../../../src/realm/sessions/session-killer.js';
import type { Session } from '../../../../src/session/ports.js';
import type { Fault } from '../../../../src/wamp/faults.js';
import type { SessionId } from '../../../../src/wamp/ids.js';

interface Closing {
  readonly session: number;
  readonly isSilent: boolean;
  readonly with: unknown[];
}

/** Sessions 1 to `count`, and those that were closed, with the timers that closing waits for. */
function scene(count: number) {
  const closings: Closing[] = [];
  const timers: (() => void)[] = [];
  const refusals: Fault[] = [];
  const sessions = new Set<Session>();
  let isSilent = false;
  for (let session = 1; session <= count; session++) {
    const one: Partial<Session> = {
      session: session as SessionId,
      isOpen: true,
      authid: session % 2 === 0 ? 'even' : 'odd',
      authrole: 'role',
      close: (...args) => {
        closings.push({ session, isSilent, with: args });
        sessions.delete(one as Session);
      },
    };
    sessions.add(one as Session);
  }
  const opening: OpeningSessions = {
    refuseOpening: (isMeant, why) => {
      const one = { session: 77 as SessionId, authid: 'opening', authrole: 'role' };
      if (!isMeant(one)) return [];
      refusals.push(why);
      return [one.session];
    },
  };
  const killer = new SessionKiller(opening, {
    sessions,
    after: (_delayMs, action) => {
      timers.push(action);
      return () => undefined;
    },
    silently: (_session, close) => {
      isSilent = true;
      close();
      isSilent = false;
    },
  });
  return { killer, sessions, closings, timers, refusals };
}

const ORDER = { except: 2, reason: 'com.reason' };

describe('an order to close sessions', () => {
  it.each([
    ['one session', { by: 'session', value: 3 }, [3]],
    ['those of an authid, not the caller', { by: 'authid', value: 'even' }, [4]],
    ['those of an authrole, not the caller', { by: 'authrole', value: 'role' }, [77, 1, 3, 4]],
    ['all, not the caller', { by: 'all' }, [77, 1, 3, 4]],
    ['the caller alone', { by: 'session', value: 2 }, []],
    ['a session that is elsewhere', { by: 'session', value: 9 }, []],
  ])('closes %s', async (_which, which, expected) => {
    const { killer, closings } = scene(4);
    expect(await killer.answer({ ...ORDER, ...which })).toEqual(expected);
    const isSilent = which.by === 'all';
    const open = expected.filter((session) => session !== 77);
    expect(closings).toEqual(open.map((session) => ({ session, isSilent, with: ['com.reason', undefined] })));
  });

  it.each([
    { by: 'authid', value: 'opening' },
    { by: 'session', value: 77 },
  ])('refuses sessions that are being opened, by $by', async (which) => {
    const { killer, refusals } = scene(1);
    expect(await killer.answer({ ...ORDER, ...which, message: 'go' })).toEqual([77]);
    expect(refusals).toMatchObject([{ error: 'com.reason', message: 'go' }]);
    expect(await killer.answer({ ...ORDER, by: 'login', value: 'opening' })).toEqual([]);
  });

  it('gives the message of the caller', async () => {
    const { killer, closings } = scene(1);
    await killer.answer({ ...ORDER, by: 'all', message: 'go' });
    expect(closings[0]!.with).toEqual(['com.reason', 'go']);
  });

  it('closes many in several turns, and does not count those that have left meanwhile', async () => {
    const { killer, sessions, closings, timers } = scene(450);
    const answer = killer.answer({ ...ORDER, by: 'all' });
    expect(closings).toHaveLength(200);
    const [left] = [...sessions].filter(({ session }) => (session as number) === 440);
    sessions.delete(left!);
    for (let turn = 0; turn < 2; turn++) {
      timers.shift()!();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await answer).toHaveLength(449);
    expect(closings).toHaveLength(448);
  });

  it.each([
    undefined,
    null,
    [],
    'all',
    {},
    { ...ORDER, by: 'colour', value: 'red' },
    { ...ORDER, by: 'session' },
    { ...ORDER, by: 'session', value: 'x' },
    { ...ORDER, by: 'authid' },
    { ...ORDER, by: 'authid', value: 7 },
    { by: 'all', reason: 'com.reason' },
    { by: 'all', except: 2 },
    { ...ORDER, by: 'all', message: 7 },
  ])('of another shape closes nothing: %j', (body) => {
    const { killer, closings } = scene(4);
    expect(killer.answer(body)).toBeUndefined();
    expect(closings).toEqual([]);
  });
});
