// Nanoseconds per publication routed and bytes per subscription, with few and with many patterns (PBS-5).
// npm run build && node --expose-gc bench/micro/pattern-index.mjs
import { NO_PAYLOAD } from '../../dist/codec/payload.js';
import { Broker } from '../../dist/routing/broker/broker.js';
import { HeldTotal } from '../../dist/routing/held-total.js';
import { PatternIndex } from '../../dist/routing/pattern-index.js';

const FEW = 100;
const MANY = 100_000;
const WARM_UP_ROUNDS = 30;
const ROUNDS = 100;
const ROUND_MS = Number(process.env.ROUND_MS ?? 2);

/** A string as a decoder makes it: one flat piece, not a tree of concatenations. */
function flat(text) {
  return Buffer.from(text).toString('latin1');
}

const topics = Array.from({ length: 1024 }, (_, i) =>
  flat(`com.example.app.user${(i * 97) % MANY}.device${i % 7}.changed`),
);

/** Subscriptions of a large application; one in a hundred topics is matched. */
const kinds = {
  exact: (i) => `com.example.app.user${i}.device0.changed`,
  prefix: (i) => `com.example.app.user${i}.`,
  wildcard: (i) => `com.example.app.user${i}..changed`,
  'wildcard, user left open': (i) => `com.example.app..device${i}.changed`,
};

/** The best of many short rounds: on a shared machine the least disturbed one says most. */
function nanoseconds(run) {
  let best = Infinity;
  let batch = 64;
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS;) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < batch; i++) run(topics[i & 1023]);
    const elapsed = Number(process.hrtime.bigint() - start);
    if (elapsed < ROUND_MS * 1e6 && round < 0) batch *= 2;
    if (round++ >= 0) best = Math.min(best, elapsed / batch);
  }
  return Math.round(best);
}

function indexOf(kind, count) {
  const index = new PatternIndex();
  const match = kind.split(',')[0];
  for (let i = 0; i < count; i++) index.add(flat(kinds[kind](i)), match, { i });
  return index;
}

const outlet = {
  send: () => undefined,
  deliver: () => {},
  publish: () => {},
  watch: (_topic, _match, settled) => settled(),
  unwatch: () => {},
};
const publishOptions = { acknowledge: false, excludeMe: true, discloseMe: false };

function peer(session) {
  return { session, authid: 'a', authrole: 'b', features: {} };
}

function broker() {
  let id = 0;
  const sources = { publicationId: () => ++id, random: Math.random };
  return new Broker({
    realm: 'realm1',
    outlet,
    sources,
    limits: { maxSubscriptionsPerSession: Infinity, maxHeldMessages: 1_000, maxHeldBytes: 1_000_000 },
    heldTotal: new HeldTotal(Infinity),
  });
}

function brokerWith(kind, count, sessionCount) {
  const made = broker();
  const match = kind.split(',')[0];
  const peers = Array.from({ length: sessionCount }, (_, session) => peer(session));
  for (let i = 0; i < count; i++) made.subscribe(peers[i % sessionCount], [32, i, { match }, flat(kinds[kind](i))]);
  return { made, peers };
}

function heapBytes() {
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

function bytesPerSubscription(kind, sessionCount) {
  const peers = Array.from({ length: sessionCount }, (_, session) => peer(session));
  const made = broker();
  const match = kind.split(',')[0];
  const before = heapBytes();
  for (let i = 0; i < MANY; i++) {
    made.subscribe(peers[i % sessionCount], [32, i, { match }, flat(kinds[kind](i))]);
  }
  const after = heapBytes();
  return [Math.round((after - before) / MANY), made, peers][0];
}

console.log(`ns per lookup                          ${FEW} → ${MANY} entries: matching | best`);
const nothing = new PatternIndex();
console.log(
  '  none'.padEnd(38),
  nanoseconds((topic) => nothing.forEachMatch(topic, () => {})),
);
for (const kind of Object.keys(kinds)) {
  const [few, many] = [FEW, MANY].map((count) => {
    const index = indexOf(kind, count);
    let found = 0;
    const visit = () => found++;
    return [nanoseconds((topic) => index.forEachMatch(topic, visit)), nanoseconds((topic) => index.best(topic))];
  });
  console.log(`  ${kind}`.padEnd(38), `${few[0]} → ${many[0]} | ${few[1]} → ${many[1]}`);
}

console.log('ns per PUBLISH, delivery not counted   0 → 100 → 100000 subscriptions');
const publisher = peer(1e9);
for (const kind of Object.keys(kinds)) {
  const costs = [0, FEW, MANY].map((count) => {
    const { made } = brokerWith(kind, count, 1000);
    return nanoseconds((topic) => made.publish(publisher, [16, 1, publishOptions, topic, NO_PAYLOAD], false));
  });
  console.log(`  ${kind}`.padEnd(38), costs.join(' → '));
}

if (globalThis.gc !== undefined) {
  console.log('bytes per subscription, topic string included: one session | 1,000 sessions | a session each');
  for (const kind of Object.keys(kinds)) {
    console.log(
      `  ${kind}`.padEnd(38),
      [1, 1000, MANY].map((sessions) => bytesPerSubscription(kind, sessions)).join(' | '),
    );
  }
}
