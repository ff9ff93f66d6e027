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

const [own, other, third] = ['n1', 'n2', 'n3'] as NodeId[] as [NodeId, NodeId, NodeId];
const ID = 7 as RegistrationId;
const MEMBER = 'exact com.x';

function scene() {
  const registrations: Registration[] = [];
  let missedCount = 0;
  const membership = { isMember: () => true, isGone: () => false, foundRowsOf: () => undefined };
  const mirror = new RealmMirror({
    node: own,
    membership,
    registrationChanged: (registration) => void registrations.push(registration),
    topicChanged: () => undefined,
    rows: () => ({ topics: [], rewriteTopic: () => undefined }),
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
    mirror,
    last: () => registrations.at(-1),
    callees: () => registrations.at(-1)?.callees.map(({ session }) => session),
    missedCount: () => missedCount,
  };
}

function placed(session: number, order: number, node = other): PlacedCallee {
  const callee = { node, session: session as SessionId, discloseCaller: false, forwardTimeout: false };
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
    ghosts: [],
    interest: new InterestMirror(),
    procedures: new Map([[MEMBER, { id: ID, invoke: 'random', createdMs: 1_000, callees }]]),
    ownTopics: new Set(),
    ownCallees: [],
    isTorn: false,
  };
}

/** The take-over by session 9 is certain: its callee, granted as version 32, replaces all but its successors. */
const takenOver = (version: number) =>
  packed([1, version, '', 'claim', ID, MEMBER, 'random', other, 9, [1, 32, 0, false, false, ''], true, 1_000]);
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

const claimChange = (session: number, version: number, takesOver: string) =>
  packed([
    1,
    version,
    other,
    'claim',
    ID,
    MEMBER,
    'random',
    other,
    session,
    [1, version, 0, false, false, takesOver],
    false,
    1_000,
  ]);
const offered = (session: number, version: number) => claimChange(session, version, 'random');
const claimed = (session: number, version: number) => claimChange(session, version, '');

it.each([
  ['another node', third],
  ['this node', own],
])('lets a successor inherit a procedure although a callee of %s is kept that the store has lost', (_name, node) => {
  const { follower, mirror, last, callees } = scene();
  follower.begin();
  follower.load(snapshot(30, 30, placed(1, 5, node), placed(9, 20)), KEEP);
  follower.begin();
  follower.load(snapshot(40, 40, placed(9, 20)), { others: 'all', own: () => true });
  expect(callees()).toEqual([1, 9]);
  follower.changed(offered(8, 41));
  expect(last()?.successors?.map(({ session }) => session)).toEqual([8]);
  // The store has no callee left but the successor.
  follower.changed(released(42));
  follower.changed(claimed(10, 43));
  expect([callees(), last()?.successors]).toEqual([[1, 8, 10], undefined]);
  mirror.dropNode(node);
  expect([callees(), last()?.successors]).toEqual([[8, 10], undefined]);
});

it('makes a callee of a successor that was kept and whose take-over had been completed', () => {
  const { follower, last, callees } = scene();
  follower.begin();
  follower.load(snapshot(30, 30, placed(1, 5, third)), KEEP);
  follower.changed(offered(8, 31));
  follower.begin();
  follower.load(snapshot(40, 40, placed(9, 20)), { others: 'all', own: undefined });
  expect([callees(), last()?.successors?.length]).toEqual([[1, 9], 1]);
  follower.changed(claimed(8, 41));
  expect([callees(), last()?.successors]).toEqual([[1, 9, 8], undefined]);
});

const entered = (version: number) => packed([1, version, '', 'enter', own]);
const lateClaim = claimed(10, 34);

it.each(['before', 'after'])(
  'ignores changes from before a loss of data that come %s the reply to its entry, whose versions are used anew',
  (when) => {
    const { follower, callees } = scene();
    follower.begin();
    follower.changed(claimed(7, 33));
    if (when === 'before') {
      follower.changed(lateClaim);
      follower.changed(entered(33));
    }
    follower.entered(33, follower.stream);
    expect(follower.load(snapshot(33, 33, placed(5, 20)), KEEP)).toBe(true);
    if (when === 'after') {
      follower.changed(lateClaim);
      follower.changed(entered(33));
    }
    expect(callees()).toEqual([5]);
    follower.changed(claimed(11, 34));
    expect([callees(), follower.version]).toEqual([[5, 11], 34]);
  },
);

it('awaits no entry that went through a connection that was lost', () => {
  const { follower, callees } = scene();
  const { stream } = follower;
  follower.begin();
  follower.cutOff();
  follower.entered(33, stream);
  follower.begin();
  follower.load(snapshot(33, 33, placed(5, 20)), KEEP);
  follower.changed(lateClaim);
  expect(callees()).toEqual([5, 10]);
});
