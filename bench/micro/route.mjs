// The cost of a PUBLISH and a CALL between two connections that only count: no sockets, everything else. Run after `npm run build`.
// node bench/micro/route.mjs [json|msgpack|cbor] [subscribers] [rounds]
import { performance } from 'node:perf_hooks';
import { MemoryHub } from '../../dist/backplane/memory/hub.js';
import { createCodecs } from '../../dist/codec/codecs.js';
import { Delivery } from '../../dist/realm/delivery.js';
import { Realms } from '../../dist/realm/realms.js';
import { HeldTotal } from '../../dist/routing/held-total.js';
import { Inbound } from '../../dist/realm/inbound.js';
import { createRandomSource } from '../../dist/realm/random-source.js';
import { createEndpoint } from '../../dist/session/endpoint.js';
import { createAnonymous } from '../../dist/session/auth/anonymous.js';
import { HandshakePacer } from '../../dist/session/handshake-pacer.js';
import { InboxPool } from '../../dist/session/inbox.js';
import { TurnScheduler } from '../../dist/session/turn-scheduler.js';
import { RoleAuthorizers } from '../../dist/session/authorization/role-authorizers.js';
import { createCounters } from '../../dist/telemetry/counters.js';
import { HEADROOM_BYTES, Slab } from '../../dist/transport/slab.js';
import { silentLogger } from '../../dist/telemetry/logger.js';

const serializer = process.argv[2] ?? 'json';
const subscriberCount = Number(process.argv[3] ?? 1);
const ROUNDS = Number(process.argv[4] ?? 6);
const MESSAGES = 400_000;

const { encode } =
  serializer === 'json'
    ? { encode: (value) => Buffer.from(JSON.stringify(value)) }
    : serializer === 'msgpack'
      ? await import('@msgpack/msgpack')
      : await import('cborg');
const slab = new Slab();
/** Hands a message up as a connection does: a copy that may be written over. */
const arrive = (endpoint, message) => {
  if (!endpoint.takesNow()) throw new Error('the turn is used up');
  endpoint.received(slab.copy(message), HEADROOM_BYTES);
};

const codecs = createCodecs({ maxDepth: 64, maxContainerEntries: 65_536 });
const counters = createCounters();
const backplane = new MemoryHub().join('bench');
const rules = {
  uriCheck: 'loose',
  requestIdCheck: 'off',
  allowDisclose: true,
  callTimeoutUnit: 'ms',
  maxUriBytes: 1_024,
  maxUriComponents: 64,
};
const everything = {
  uri: '',
  match: 'prefix',
  allow: { call: true, register: true, publish: true, subscribe: true },
  disclose: { caller: false, publisher: false },
};
const after = () => () => undefined;
const limits = {
  maxSessions: 1e6,
  maxSubscriptionsPerSession: 1e6,
  maxRegistrationsPerSession: 1e6,
  maxPendingCallsPerSession: 1e6,
  maxHeldMessages: 1_000,
  maxHeldBytes: 1_000_000,
  interruptTimeoutMs: 5_000,
};
const meter = { spent: 0 };
const realms = new Realms({
  configured: new Map([
    [
      'realm1',
      {
        rules,
        dealing: {
          progressiveResultsRequireCanceling: false,
          timeoutUnit: 'ms',
          forceReregister: 'nobody',
          busyError: 'wamp',
        },
        authorization: { roles: new RoleAuthorizers(new Map([['anonymous', [everything]]])), remote: new Map() },
      },
    ],
  ]),
  limits: { maxRealms: 10 },
  logger: silentLogger,
  shared: {
    backplane,
    codecs,
    counters,
    limits,
    heldTotal: new HeldTotal(1e9),
    after,
    delivery: new Delivery(codecs, counters, meter),
    random: createRandomSource(),
    nowMs: () => performance.now(),
    totals: { sessionCount: 0 },
    longWork: { inTurns: () => Promise.resolve() },
    onLostRequest: (operation, cause) => {
      throw cause;
    },
  },
});
await backplane.start(
  new Inbound(realms.all, backplane.bus, {
    gap: () => undefined,
    nodeGone: () => undefined,
    reach: () => undefined,
    fenced: () => undefined,
  }),
);
await realms.start();

/** One turn without end: nothing waits. */
const turns = new TurnScheduler({
  meter,
  budgetMs: Number.MAX_SAFE_INTEGER,
  clock: { nowMs: () => performance.now(), cpuMs: () => 0 },
  loop: { atEndOfTurn: () => undefined, later: () => undefined },
  hooks: { isHeld: () => false, flush: () => undefined, onExhausted: () => undefined, onFlooded: () => undefined },
});

const pacer = new HandshakePacer({
  limits: { maxHandshakesPerSecond: 0, maxWaitingHandshakes: 0 },
  stepBudgetMs: Infinity,
  nowMs: () => performance.now(),
  later: () => undefined,
  isHeld: () => false,
  addressKeyOf: (address) => address,
  counters,
});

const methods = [createAnonymous({ role: 'anonymous', authenticators: [], randomAuthid: () => 'x' })];
const dependencies = {
  codecs,
  turns,
  inboxes: new InboxPool(1e6),
  pacer,
  realms,
  counters,
  after,
  logger: silentLogger,
  agent: 'bench',
  authMethodsOf: () => methods,
  limits: { handshakeTimeoutMs: 1e6, goodbyeTimeoutMs: 1e6, maxInboxMessages: 10, maxInboxBytes: 1e6 },
};

function connect() {
  const connection = {
    serializer,
    isBatched: false,
    isOpen: true,
    remoteAddress: 'bench',
    writtenCount: 0,
    last: undefined,
    write(message) {
      this.writtenCount++;
      this.last = message;
    },
    unsentBytes: () => 0,
    closeNow: () => undefined,
    close(cause) {
      throw new Error(`closed: ${cause} ${Buffer.from(this.last)}`);
    },
  };
  const endpoint = createEndpoint(connection, dependencies);
  const features = { progressive_call_results: true, call_canceling: true };
  const roles = { publisher: {}, subscriber: {}, caller: { features }, callee: { features } };
  endpoint.received(encode([1, 'realm1', { roles }]));
  return { connection, endpoint };
}

/** CPU time: other processes may run beside this one. */
function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function time(name, prepare, run) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    prepare?.();
    const startMs = cpuMs();
    for (let message = 0; message < MESSAGES; message++) run();
    rounds.push(((cpuMs() - startMs) * 1e6) / MESSAGES);
  }
  rounds.sort((a, b) => a - b);
  console.log(
    `${name.padEnd(36)} ${rounds[0].toFixed(0).padStart(6)} ns best ${rounds[ROUNDS >> 1].toFixed(0).padStart(6)} ns median`,
  );
}

const publisher = connect();
for (let index = 0; index < subscriberCount; index++)
  connect().endpoint.received(encode([32, 1, {}, 'com.bench.topic']));
for (const bytes of [32, 1_024]) {
  const publish = new Uint8Array(encode([16, 123_456, {}, 'com.bench.topic', ['x'.repeat(bytes)]]));
  time(`${serializer} publish, ${subscriberCount} receivers, ${bytes} B`, undefined, () =>
    arrive(publisher.endpoint, publish),
  );
}

const caller = connect();
const callee = connect();
callee.endpoint.received(encode([64, 1, {}, 'com.bench.procedure']));
await new Promise((resolve) => setImmediate(resolve));
const call = new Uint8Array(encode([48, 1, {}, 'com.bench.procedure', ['x'.repeat(32)]]));
let answer = 0;
time(`${serializer} call and result, 32 B`, undefined, () => {
  arrive(caller.endpoint, call);
  arrive(callee.endpoint, encode([70, ++answer, {}, ['x'.repeat(32)]]));
});
const stream = new Uint8Array(encode([48, 2, { receive_progress: true }, 'com.bench.procedure', ['x'.repeat(32)]]));
arrive(caller.endpoint, stream);
const chunk = new Uint8Array(encode([70, ++answer, { progress: true }, ['x'.repeat(32)]]));
time(`${serializer} progressive result, 32 B`, undefined, () => arrive(callee.endpoint, chunk));
time(
  `${serializer}   of which the bench's encoding`,
  undefined,
  () => new Uint8Array(encode([70, ++answer, {}, ['x'.repeat(32)]])),
);
