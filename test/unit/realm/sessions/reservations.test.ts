import { expect, it } from 'vitest';
import { Reservations } from '../../../../src/realm/sessions/reservations.js';
import type { Newcomer } from '../../../../src/session/ports.js';
import { createCounters } from '../../../../src/telemetry/counters.js';
import { Deferred } from '../../../../src/util/deferred.js';
import { fault } from '../../../../src/wamp/faults.js';
import type { SessionId } from '../../../../src/wamp/ids.js';

const newcomer = { authid: 'joe', authrole: 'user', authmethod: 'ticket', authprovider: 'static' } as Newcomer;
const KILLED = fault('com.reason', 'go');

function scene() {
  const left: number[] = [];
  const join = new Deferred<boolean>();
  const totals = { sessionCount: 0 };
  const shared = {
    backplane: { directory: { join: () => join.promise, leave: (_realm: string, id: number) => void left.push(id) } },
    totals,
    limits: { maxSessions: 10, maxAuthextraBytes: 0 },
    counters: createCounters(),
    onLostRequest: () => undefined,
  } as unknown as ConstructorParameters<typeof Reservations>[1];
  const reservations = new Reservations('r', shared, undefined, () => 7 as SessionId);
  return { reservations, join, left, totals };
}

it('a session that waits for the directory is refused by an order to close it, and leaves the directory', async () => {
  const { reservations, join, left, totals } = scene();
  const reserved = reservations.reserve(newcomer);
  expect(reservations.refuseOpening(({ authid }) => authid === 'ann', KILLED)).toEqual([]);
  expect(reservations.refuseOpening(({ authid, session }) => authid === 'joe' && session === 7, KILLED)).toEqual([7]);
  join.resolve(true);
  expect(await reserved).toBe(KILLED);
  expect([left, reservations.count, totals.sessionCount]).toEqual([[7], 0, 0]);
});

it('a session that the directory has is beyond the reach of such an order: it is one of the realm', async () => {
  const { reservations, join, left } = scene();
  const reserved = reservations.reserve(newcomer);
  join.resolve(true);
  expect(await reserved).toBe(7);
  expect(reservations.refuseOpening(() => true, KILLED)).toEqual([]);
  expect([left, reservations.count]).toEqual([[], 1]);
});
