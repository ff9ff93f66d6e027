import { expect, it } from 'vitest';
import { Reservations } from '../../../../src/realm/sessions/reservations.js';
import type { SessionPlaces } from '../../../../src/realm/sessions/session-places.js';
import type { Newcomer } from '../../../../src/session/ports.js';
import { createCounters } from '../../../../src/telemetry/counters.js';
import { Deferred } from '../../../../src/util/deferred.js';
import { fault } from '../../../../src/wamp/faults.js';
import type { SessionId } from '../../../../src/wamp/ids.js';

const newcomer = { authid: 'joe', authrole: 'user', authmethod: 'ticket', authprovider: 'static' } as Newcomer;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const KILLED = fault('com.reason', 'go');

function scene(places?: Pick<SessionPlaces, 'enter' | 'leave'>) {
  const left: number[] = [];
  let drawn = 6;
  /** The answers of the directory. */
  const join = new Deferred<boolean>();
  const joinAgain = new Deferred<boolean>();
  const joins = [join, joinAgain];
  const totals = { sessionCount: 0 };
  const shared = {
    backplane: {
      directory: { join: () => joins.shift()!.promise, leave: (_realm: string, id: number) => void left.push(id) },
    },
    totals,
    limits: { maxSessions: 10, maxAuthextraBytes: 0 },
    counters: createCounters(),
    onLostRequest: () => undefined,
  } as unknown as ConstructorParameters<typeof Reservations>[1];
  const reservations = new Reservations('r', shared, places as SessionPlaces | undefined, () => ++drawn as SessionId);
  return { reservations, join, joinAgain, left, totals };
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

it('a session whose first id belongs to another one is refused by the id that it has drawn since', async () => {
  const { reservations, join, joinAgain, left } = scene();
  const reserved = reservations.reserve(newcomer);
  join.resolve(false);
  await settled();
  expect(reservations.refuseOpening(({ session }) => session === 7, KILLED)).toEqual([]);
  expect(reservations.refuseOpening(({ session }) => session === 8, KILLED)).toEqual([8]);
  joinAgain.resolve(true);
  expect(await reserved).toBe(KILLED);
  expect(left).toEqual([8]);
});

it('a session that another one replaces before the store has given it a place leaves that too', async () => {
  const place = new Deferred<undefined>();
  const vacated: number[] = [];
  const places = { enter: () => place.promise, leave: (session: SessionId) => void vacated.push(session) };
  const { reservations, join, left } = scene(places);
  const reserved = reservations.reserve(newcomer);
  join.resolve(true);
  await settled();
  expect(reservations.refuseOpening(({ session }) => session === 7, KILLED)).toEqual([7]);
  place.resolve(undefined);
  expect(await reserved).toBe(KILLED);
  expect([left, vacated, reservations.count]).toEqual([[7], [7], 0]);
});
