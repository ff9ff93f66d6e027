// The steps of ADR 15's table "Known longest turns" that concern another node's rows and calls. Run after `npm run build`.
// node bench/micro/longest-turns.mjs [count] [rounds] [folder of a build]…
//
// With several builds, such as `dist` and the `dist` of the version before, the rounds alternate between them, and the last
// column is the ratio of each to the first. Where a build does a step in parts, the figure is the longest part.
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { performance } from 'node:perf_hooks';

const COUNT = Number(process.argv[2] ?? 100_000);
const ROUNDS = Number(process.argv[3] ?? 7);
const folders = process.argv.length > 4 ? process.argv.slice(4) : ['dist'];

const median = (values) => [...values].sort((one, other) => one - other)[values.length >> 1];

const REALM = 'realm1';
const DEAD = 'node-dead';
const CREATED_MS = 1_700_000_000_000;
const membership = (gone) => ({
  isGone: (node) => gone.has(node),
  isMember: (node) => !gone.has(node),
  foundRowsOf: () => undefined,
});

/** A build, and what its steps need. */
async function open(folder) {
  const of = (file) => import(pathToFileURL(resolve(folder, file)).href);
  const [
    { RealmMirror },
    { Dealer },
    { HeldTotal },
    { InterestMirror },
    { RegistrationEvents },
    { SubscriptionEvents },
  ] = await Promise.all(
    [
      'backplane/redis/realm/mirror.js',
      'routing/dealer/dealer.js',
      'routing/held-total.js',
      'backplane/interest-mirror.js',
      'routing/meta/registration-events.js',
      'routing/meta/subscription-events.js',
    ].map(of),
  );
  const [{ deriveId }, { NO_PAYLOAD }] = await Promise.all(['routing/derived-id.js', 'codec/payload.js'].map(of));
  return {
    folder,
    RealmMirror,
    Dealer,
    HeldTotal,
    InterestMirror,
    RegistrationEvents,
    SubscriptionEvents,
    deriveId,
    NO_PAYLOAD,
  };
}

function makeDealer({ Dealer, HeldTotal }) {
  const counts = { answers: 0 };
  const ignore = () => undefined;
  const outlet = {
    send: () => void counts.answers++,
    sendFrame: () => true,
    count: ignore,
    callEnded: ignore,
    isReachable: true,
  };
  const dealer = new Dealer({
    realm: REALM,
    node: 'node-here',
    outlet,
    sources: { nowMs: () => 0, random: Math.random, after: () => ignore },
    limits: {
      maxRegistrationsPerSession: 1e6,
      maxPendingCallsPerSession: 1e6,
      maxHeldMessages: 1_000,
      maxHeldBytes: 1e6,
      interruptTimeoutMs: 5_000,
    },
    heldTotal: new HeldTotal(1e9),
    rules: {
      progressiveResultsRequireCanceling: false,
      timeoutUnit: 'ms',
      forceReregister: 'nobody',
      busyError: 'wamp',
    },
    abort: ignore,
  });
  return { dealer, counts };
}

const memberOf = (index) => `exact com.example.procedure.number.${index}`;

function rowsOf(build, node) {
  const rows = new Map();
  for (let index = 0; index < COUNT; index++) {
    const callee = { node, session: 1_000 + (index >> 6), discloseCaller: false, forwardTimeout: false };
    rows.set(memberOf(index), {
      id: build.ids[index],
      invoke: 'single',
      createdMs: CREATED_MS,
      callees: [{ callee, order: index + 1 }],
    });
  }
  return rows;
}

/** A snapshot as it is read: it shares nothing with another one. */
function snapshotOf(build, node, { procedures, topics }) {
  const interest = new build.InterestMirror();
  if (topics)
    for (let index = 0; index < COUNT; index++)
      interest.add(node, `com.example.topic.number.${index}`, 'exact', CREATED_MS);
  return {
    version: 1,
    lastVersion: 1,
    nodes: new Map([[node, 'complete']]),
    ghosts: [],
    interest,
    procedures: procedures ? rowsOf(build, node) : new Map(),
    ownTopics: new Set(),
    ownCallees: [],
    isTorn: false,
  };
}

/** A realm of the redis backplane with its dealer and meta events, as far as rows of other nodes concern them. */
function makeRealm(build) {
  const gone = new Set();
  const { dealer, counts } = makeDealer(build);
  const port = {
    realm: REALM,
    nowMs: () => 0,
    forgotten: () => undefined,
    isWantedHere: () => false,
    publishHere: () => undefined,
    publishElsewhere: () => undefined,
    createdMs: () => undefined,
    find: (id) => dealer.directory.byId(id),
  };
  const registrations = new build.RegistrationEvents(port);
  const subscriptions = new build.SubscriptionEvents(port);
  registrations.begin();
  subscriptions.begin();
  const rows = { topics: [], rewriteTopic: () => undefined };
  const mirror = new build.RealmMirror({
    node: 'node-here',
    membership: membership(gone),
    registrationChanged: (row) => {
      const before = dealer.directory.find(row.procedure, row.match);
      dealer.registration(row);
      registrations.changed(before, row);
    },
    topicChanged: (change) => subscriptions.changed(change),
    rows: () => rows,
    calleeRemoved: () => undefined,
    enteredAgain: () => undefined,
  });
  return { mirror, dealer, counts, gone };
}

const KEEP = { others: 'nothing', own: undefined };
const load = (mirror, snapshot) => mirror.load(snapshot, KEEP, () => undefined);

function loaded(build, wanted) {
  const realm = makeRealm(build);
  load(realm.mirror, snapshotOf(build, DEAD, wanted));
  return realm;
}

/** Runs the parts of a step. Returns the time of the longest. */
function longest(part) {
  let longestMs = 0;
  for (;;) {
    const startMs = performance.now();
    const isLeft = part() === true;
    longestMs = Math.max(longestMs, performance.now() - startMs);
    if (!isLeft) return longestMs;
  }
}

const causes = {
  'the mirror takes over a snapshot with registrations': (build) => {
    const realm = makeRealm(build);
    const snapshot = snapshotOf(build, DEAD, { procedures: true });
    return () => load(realm.mirror, snapshot);
  },
  'a resync of registrations that finds no difference': (build) => {
    const realm = loaded(build, { procedures: true });
    const snapshot = snapshotOf(build, DEAD, { procedures: true });
    return () => load(realm.mirror, snapshot);
  },
  'a node is gone: its registrations': (build) => {
    const { mirror, dealer, gone } = loaded(build, { procedures: true });
    return () => {
      gone.add(DEAD);
      mirror.dropNode(DEAD);
      dealer.nodeGone(DEAD);
    };
  },
  'a node without registrations is gone': (build) => {
    const { mirror, dealer, gone } = loaded(build, { procedures: true });
    return () => {
      gone.add('node-other');
      mirror.dropNode('node-other');
      dealer.nodeGone('node-other');
    };
  },
  'a node is gone: calls that wait for its callees': (build) => {
    const { dealer, counts } = makeDealer(build);
    const callee = { node: DEAD, session: 7, discloseCaller: false, forwardTimeout: false };
    const procedure = 'com.example.procedure';
    dealer.registration({ id: 1, procedure, match: 'exact', invoke: 'single', createdMs: 0, callees: [callee] });
    const options = { timeoutMs: 0, progress: false, receiveProgress: false };
    for (let index = 0; index < COUNT; index++) {
      const peer = { session: 1 + (index % 100), features: { caller: new Set() } };
      dealer.call(peer, [48, index + 1, options, procedure, build.NO_PAYLOAD], false, false);
    }
    let hasBegun = false;
    return () => {
      if (hasBegun) return dealer.nodeGonePart(DEAD, PART);
      hasBegun = true;
      dealer.nodeGone(DEAD);
      if (dealer.nodeGonePart === undefined && counts.answers !== COUNT) throw new Error('calls without an answer');
      return dealer.nodeGonePart !== undefined;
    };
  },
  'the topics of a node come with a snapshot': (build) => {
    const realm = makeRealm(build);
    const snapshot = snapshotOf(build, DEAD, { topics: true });
    return () => load(realm.mirror, snapshot);
  },
  'a resync of topics that finds no difference': (build) => {
    const realm = loaded(build, { topics: true });
    const snapshot = snapshotOf(build, DEAD, { topics: true });
    return () => load(realm.mirror, snapshot);
  },
  'a node is gone: its topics': (build) => {
    const { mirror } = loaded(build, { topics: true });
    return () => mirror.apply({ kind: 'withdrawn', node: DEAD, ids: [] });
  },
  'a list of registrations': (build) => {
    const { dealer } = loaded(build, { procedures: true });
    return () => {
      const lists = { exact: [], prefix: [], wildcard: [] };
      for (const { id, match } of dealer.directory.all) lists[match].push(id);
      return void JSON.stringify(lists);
    };
  },
};
const PART = 500;

const builds = await Promise.all(folders.map(open));
for (const build of builds)
  build.ids = Array.from({ length: COUNT }, (_, index) => build.deriveId(REALM, 'exact', memberOf(index).slice(6), 0));

const only = process.env['ONLY'];
for (const [cause, prepare] of Object.entries(causes)) {
  if (only !== undefined && !cause.includes(only)) continue;
  const results = builds.map(() => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [at, build] of builds.entries()) {
      const step = prepare(build);
      globalThis.gc?.();
      results[at].push(longest(step));
    }
  for (const [at, { folder }] of builds.entries()) {
    const [own, first] = [median(results[at]), median(results[0])];
    console.log(
      `${cause.padEnd(52)} ${own.toFixed(1).padStart(7)} ms  first ${results[at][0].toFixed(1).padStart(7)}  ${(own / first).toFixed(2)}  ${folder}`,
    );
  }
}
