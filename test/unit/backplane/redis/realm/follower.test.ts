import { expect, it } from 'vitest';
import { InterestMirror } from '../../../../../src/backplane/interest-mirror.js';
import { RealmFollower } from '../../../../../src/backplane/redis/realm/follower.js';
import { RealmMirror } from '../../../../../src/backplane/redis/realm/mirror.js';
import type { PlacedCallee } from '../../../../../src/backplane/redis/realm/rows.js';
import type { RealmSnapshot } from '../../../../../src/backplane/redis/realm/snapshot.js';
import type { Registration } from '../../../../../src/routing/ports.js';
import { createClusterCounters } from '../../../../../src/telemetry/cluster-counters.js';
import type { NodeId, RegistrationId, SessionId } from '../../../../../src/wamp/ids.js';
import { packed } from '../../../../support/packed.js';

const [own, other] = ['n1', 'n2'] as NodeId[] as [NodeId, NodeId];
const ID = 7 as RegistrationId;
const MEMBER = 'exact com.x';

function scene() {
  const registrations: Registration[] = [];
  let missedCount = 0;
  const membership = { isMember: () => true, isGone: () => false };
  const mirror = new RealmMirror({
    node: own,
    membership,
    registrationChanged: (registration) => void registrations.push(registration),
    calleeRemoved: () => undefined,
    enteredAgain: () => undefined,
  });
  const follower = new RealmFollower({
    node: own,
    mirror,
    membership,
    counters: createClusterCounters(),
    schedule: () => undefined,
    store: { noteVersion: () => undefined },
    waits: { confirm: () => undefined, withdrawn: () => undefined },
    confirm: () => undefined,
    missed: () => {
      missedCount++;
    },
    doubted: () => undefined,
    wentBack: () => undefined,
  });
  return {
    follower,
    callees: () => registrations.at(-1)?.callees.map(({ session }) => session),
    missedCount: () => missedCount,
  };
}

function placed(session: number, order: number): PlacedCallee {
  const callee = { node: other, session: session as SessionId, discloseCaller: false, forwardTimeout: false };
  return { callee, order };
}

function snapshot(version: number, lastVersion: number, ...callees: readonly PlacedCallee[]): RealmSnapshot {
  return {
    version,
    lastVersion,
    nodes: new Map([
      [own, 'complete'],
      [other, 'complete'],
    ]),
    interest: new InterestMirror(),
    procedures: new Map([[MEMBER, { id: ID, invoke: 'random', callees }]]),
    ownTopics: new Set(),
    ownCallees: [],
    isTorn: false,
  };
}

/** The take-over by session 9 is certain: its callee, granted as version 32, replaces all but its successors. */
const takenOver = (version: number) =>
  packed([1, version, '', 'claim', ID, MEMBER, 'random', other, 9, [1, 32, 0, false, false, ''], true]);
const released = (version: number) => packed([1, version, '', 'release', other, [[ID, 9]]]);
const KEEP = { others: 'nothing', own: undefined } as const;

it('reads the realm again when a snapshot shows the successor of a take-over that is replayed', () => {
  const { follower } = scene();
  follower.begin();
  follower.changed(takenOver(34));
  follower.changed(released(35));
  // Session 10 was a successor in version 33, and is the callee since session 9 has left.
  expect(follower.load(snapshot(33, 35, placed(10, 33)), KEEP)).toBe(false);
  follower.begin();
  expect(follower.load(snapshot(35, 35, placed(10, 33)), KEEP)).toBe(true);
});

it('does so for changes that come behind the snapshot, as long as it may have them', () => {
  const { follower, callees, missedCount } = scene();
  follower.begin();
  expect(follower.load(snapshot(33, 35, placed(10, 33)), KEEP)).toBe(true);
  follower.changed(takenOver(34));
  expect(missedCount()).toBe(1);
  expect(callees()).toEqual([10]);
});

it('applies a take-over that no snapshot can have', () => {
  const { follower, callees, missedCount } = scene();
  follower.begin();
  expect(follower.load(snapshot(33, 33, placed(5, 20), placed(11, 33)), KEEP)).toBe(true);
  follower.changed(takenOver(34));
  expect(missedCount()).toBe(0);
  expect(callees()).toEqual([9]);
});
