import { RecurringLines } from '../../telemetry/recurring-lines.js';
import type { NodeId } from '../../wamp/ids.js';
import type { BackplaneEvents } from '../backplane.js';
import { Questions } from '../questions.js';
import { encodeProbe } from '../wire/batch-writer.js';
import { READ_VERSIONS } from '../wire/format.js';
import { parseStoreUrl } from './connection/store-url.js';
import { createKeys, type Keys } from './keys.js';
import { Lanes } from './lanes/lanes.js';
import type { LaneEvents } from './lanes/ports.js';
import { RedisExpiringStore } from './expiring/expiring-store.js';
import { RedisEventHistory } from './kept/event-history.js';
import { RedisRetainedEvents } from './kept/retained-events.js';
import { Lifecycle } from './lifecycle.js';
import {
  StoreConnectionListener,
  LeaseCheckListener,
  MembershipListener,
  PeerListener,
  ReachabilityListener,
  RealmListener,
  TrafficListener,
} from './listeners.js';
import { ChangesBehindInbox } from './membership/changes-behind-inbox.js';
import { Membership } from './membership/membership.js';
import { StoreInboxListeners } from './membership/inbox-listeners.js';
import type { NodeRows } from './membership/ports.js';
import { RingWatch } from './membership/ring-watch.js';
import { SuspendAwareClock } from './membership/suspend-aware-clock.js';
import type { RedisBackplaneOptions } from './options.js';
import type { StoreLink } from './ports.js';
import { Hold } from './reachability/hold.js';
import { LeaseCheck } from './reachability/lease-check.js';
import { OutageLog } from './reachability/outage-log.js';
import { Prober } from './reachability/prober.js';
import { Reachability } from './reachability/reachability.js';
import type { MembershipView, RealmEvents } from './realm/ports.js';
import { RealmReplica } from './realm/replica.js';
import { withdrawNode } from './realm/scripts.js';
import { ServedRealms } from './realm/served-realms.js';
import { Recovery } from './recovery.js';
import { createStoreLink } from './store-link.js';
import { SessionReader } from './sessions/session-reader.js';
import { SessionsDirectory } from './sessions/session-directory.js';
import { NodeStanding } from './standing.js';
import { PROCESS, type Surroundings } from './surroundings.js';

const RETRY_MS = 500;
const MAX_ITEMS_PER_STEP = 500;
/** Messages of other nodes that are kept while the lease of this node is unconfirmed, and their bytes. */
const MAX_HELD_MESSAGES = 16_384;
const MAX_HELD_BYTES = 134_217_728;
/** The size of a message to another node besides its item. */
const HEADROOM_BYTES = 1_024;
/** Time for messages of other nodes in one turn. */
const RECEIVE_TURN_MS = 10;
/** Bytes of them that may wait for the next turn. */
const MAX_WAITING_BYTES = 33_554_432;

/** Values that exist before all components and that each of them may need. */
interface Context {
  readonly node: NodeId;
  readonly options: RedisBackplaneOptions;
  readonly keys: Keys;
  readonly clock: SuspendAwareClock;
  readonly outages: OutageLog;
  readonly surroundings: Surroundings;
}

/**
 * The components of one node's backplane. Each is built from those above it. A component reports to one below it
 * through a listener, and `connect` connects the listeners once all components exist. Nothing is started here.
 */
export class Components {
  readonly connections: StoreLink;
  readonly membership: Membership;
  readonly prober: Prober;
  readonly reachability: Reachability;
  readonly leaseCheck: LeaseCheck;
  readonly standing: NodeStanding;
  readonly lanes: Lanes;
  readonly ringWatch: RingWatch;
  readonly sessions: SessionsDirectory;
  readonly sessionReader: SessionReader;
  readonly realms: ServedRealms;
  readonly questions: Questions;
  readonly expiring: RedisExpiringStore;
  readonly retained: RedisRetainedEvents;
  readonly history: RedisEventHistory;
  readonly hold: Hold;
  readonly recovery: Recovery;
  readonly lifecycle: Lifecycle;
  readonly #connectionListener = new StoreConnectionListener();
  readonly #trafficListener = new TrafficListener();
  readonly #membershipListener: MembershipListener;
  readonly #reachabilityListener: ReachabilityListener;
  readonly #leaseCheckListener: LeaseCheckListener;
  readonly #realmListener: RealmListener;

  constructor(node: NodeId, options: RedisBackplaneOptions) {
    const { logger, counters, timings } = options;
    const context = contextOf(node, options);
    const { nowMs, after } = context.surroundings;
    const { keys, clock, outages } = context;
    this.#membershipListener = new MembershipListener(logger);
    this.#reachabilityListener = new ReachabilityListener(outages, counters);
    this.#realmListener = new RealmListener(outages, logger, new RecurringLines({ nowMs }));

    this.connections = createStoreLink(context, this.#connectionListener);
    const { connections } = this;
    this.expiring = new RedisExpiringStore({ store: connections, keys, counters });
    this.retained = new RedisRetainedEvents({ store: connections, keys, counters });
    this.history = new RedisEventHistory({ store: connections, keys, counters });
    this.sessionReader = new SessionReader({ store: connections, shards: keys.sessions, counters });
    this.membership = createMembership(context, connections, this.sessionReader, this.#membershipListener);
    const { membership } = this;
    this.prober = createProber(context, connections);
    this.reachability = createReachability(context, connections, this.#reachabilityListener);
    this.#leaseCheckListener = new LeaseCheckListener(connections, this.reachability, outages);
    this.leaseCheck = new LeaseCheck({ renew: () => membership.renewOnce(), events: this.#leaseCheckListener });
    const { prober, reachability, leaseCheck } = this;
    this.standing = new NodeStanding({ membership, leaseCheck, reachability, clock, timings });
    const { standing } = this;
    this.sessions = createSessions(context, connections);
    const { sessions } = this;
    this.lanes = createLanes(
      context,
      { connections, standing, sessions },
      {
        traffic: this.#trafficListener,
        versions: this.#trafficListener,
        questions: this.#trafficListener,
        peers: new PeerListener(membership, standing, logger),
        probes: prober,
      },
    );
    const { lanes } = this;
    const listeners = createInboxListeners(context, connections);
    this.ringWatch = new RingWatch({ node, membership, lanes, listeners });
    this.realms = createRealms(context, { connections, membership, lanes, sessions }, this.#realmListener);
    const { realms } = this;
    this.questions = createQuestions(context, lanes, realms);
    const { questions } = this;
    this.hold = createHold(context, { standing, lanes, membership, realms, prober });
    const shared = { membership, prober, hold: this.hold, lanes, sessions, realms, standing, outages, after };
    this.recovery = new Recovery({
      ...shared,
      sessionReader: this.sessionReader,
      logger,
      probeTimeoutMs: timings.probeTimeoutMs,
    });
    const { ringWatch } = this;
    this.lifecycle = new Lifecycle({ ...shared, ringWatch, questions, node, keys, timings, connections, reachability });
  }

  /** To be called once, before the node starts. */
  connect(events: BackplaneEvents): void {
    this.#connectionListener.connect(this);
    this.#leaseCheckListener.connect(this);
    const { lanes, sessions, realms, questions, standing, recovery, lifecycle } = this;
    questions.connect(events);
    this.#trafficListener.connect({ realms, questions, events });
    this.#realmListener.connect({ events });
    this.#reachabilityListener.connect({ lanes, sessions, realms, questions, recovery, events });
    this.#membershipListener.connect({ lanes, realms, questions, standing, recovery, lifecycle, events });
  }
}

function contextOf(node: NodeId, options: RedisBackplaneOptions): Context {
  const { prefix, access, logger, surroundings = PROCESS } = options;
  const { nowMs, wallMs, after } = surroundings;
  return {
    node,
    options,
    keys: createKeys({ prefix, database: parseStoreUrl(access.url).database }),
    clock: new SuspendAwareClock({ monotonicMs: nowMs, wallMs }),
    outages: new OutageLog({ logger, nowMs, after }),
    surroundings,
  };
}

function createInboxListeners({ node, options, keys }: Context, store: StoreLink): StoreInboxListeners {
  return new StoreInboxListeners({
    node,
    store,
    channels: keys.channels,
    isSharded: options.access.cluster !== undefined,
  });
}

function createMembership(
  context: Context,
  store: StoreLink,
  sessions: SessionReader,
  listener: MembershipListener,
): Membership {
  const { node, options, keys, clock, outages, surroundings } = context;
  const { leaseMs, renewMs, absentMs } = options.timings;
  const rows: NodeRows = {
    withdrawRealm: (of, realm) => withdrawNode(store, keys, of, realm),
    // Sessions of this node have left before it leaves; and a node that was declared dead has no listener for them.
    forgetSessions: (of) =>
      sessions.forget(of, of === node ? undefined : (from, rows) => listener.sessionsLost(from, rows)),
  };
  return new Membership({
    node,
    row: { name: options.name, reads: READ_VERSIONS, startedAtMs: surroundings.wallMs() },
    store,
    keys,
    nowMs: () => clock.nowMs(),
    after: surroundings.after,
    random: surroundings.random,
    counters: options.counters,
    leaseMs,
    renewMs,
    absentMs,
    rows,
    peers: listener,
    own: listener,
    failed: (operation, cause) => outages.requestFailed(operation, cause),
    ...(options.access.cluster !== undefined && { listeners: createInboxListeners(context, store) }),
  });
}

function createProber({ node, options, keys, surroundings }: Context, connections: StoreLink): Prober {
  const inbox = keys.channels.inbox(node);
  return new Prober({
    send: (number) => {
      // The probe itself shows whether it arrived.
      connections.publish(inbox, encodeProbe(node, number)).catch(() => undefined);
    },
    nowMs: surroundings.nowMs,
    timeoutMs: options.timings.probeTimeoutMs,
    counters: options.counters,
    missed: () => connections.reset('this node does not receive its own probes'),
  });
}

function createReachability(
  { options, surroundings }: Context,
  connection: StoreLink,
  events: ReachabilityListener,
): Reachability {
  return new Reachability({
    after: surroundings.after,
    downAfterMs: options.timings.downAfterMs,
    retryMs: RETRY_MS,
    connection,
    events,
  });
}

interface LaneNeeds {
  readonly connections: StoreLink;
  readonly standing: NodeStanding;
  readonly sessions: SessionsDirectory;
}

function createLanes(
  { node, options, keys, surroundings }: Context,
  { connections, standing, sessions }: LaneNeeds,
  events: LaneEvents,
): Lanes {
  return new Lanes({
    node,
    channelOf: (to) => keys.channels.inbox(to),
    wire: options.interceptWire?.(connections) ?? connections,
    scheduleFlush: surroundings.atEndOfTurn,
    // A node that receives `wamp.session.on_leave` nearly always finds the session gone.
    writeBefore: () => sessions.flush(),
    sendPolicy: () => standing.sendPolicy(),
    counters: options.counters,
    limits: options.limits,
    maxItemBytes: () => connections.maxPublishBytes - HEADROOM_BYTES,
    inbound: { nowMs: surroundings.nowMs, confirmMs: options.timings.heartbeatMs / 2 },
    events,
  });
}

function createSessions({ node, options, keys, outages, surroundings }: Context, store: StoreLink): SessionsDirectory {
  return new SessionsDirectory({
    node,
    store,
    shards: keys.sessions,
    wallMs: surroundings.wallMs,
    counters: options.counters,
    after: surroundings.after,
    schedule: surroundings.atEndOfTurn,
    limits: { maxSessionsPerStep: MAX_ITEMS_PER_STEP, retryMs: RETRY_MS },
    events: {
      // The other node's session keeps the id: ids are random, and two sessions share one only after the store lost its data.
      taken: (realm, session) => options.logger.warn({ realm, session, reason: 'session id taken' }, 'backplane.store'),
      failed: (operation, cause) => outages.requestFailed(operation, cause),
    },
  });
}

interface RealmNeeds {
  readonly connections: StoreLink;
  readonly membership: Membership & MembershipView;
  readonly lanes: Lanes;
  readonly sessions: SessionsDirectory;
}

function createRealms(
  { node, options, keys, surroundings }: Context,
  { connections, membership, lanes, sessions }: RealmNeeds,
  events: RealmEvents,
): ServedRealms {
  const { timings, counters } = options;
  const limits = {
    barrierTimeoutMs: timings.barrierTimeoutMs,
    takeoverMs: timings.takeoverTimeoutMs,
    reaskMs: timings.reaskMs,
    maxInterestsPerStep: MAX_ITEMS_PER_STEP,
    keepMs: timings.leaseMs,
    retryMs: RETRY_MS,
  };
  return new ServedRealms({
    channelOf: (realm) => keys.channels.realm(realm),
    channels: connections,
    membership,
    confirmations: lanes,
    make: (realm) =>
      new RealmReplica({
        realm,
        node,
        store: connections,
        keys: keys.realm(realm),
        channel: keys.channels.realm(realm),
        membership,
        confirmations: lanes,
        counters,
        nowMs: surroundings.nowMs,
        after: surroundings.after,
        schedule: surroundings.atEndOfTurn,
        writeBefore: () => sessions.flush(),
        limits,
        events,
      }),
  });
}

function createQuestions({ node, options, surroundings }: Context, lanes: Lanes, realms: ServedRealms): Questions {
  const { questions, itemsIgnored } = options.counters;
  return new Questions({
    node,
    after: surroundings.after,
    send: (to, item) => lanes.sendQuestion(to, item),
    serves: (realm) => realms.get(realm) !== undefined,
    counts: {
      fate: (fate) => questions[fate]++,
      ignored: (cause) => itemsIgnored[cause]++,
    },
  });
}

interface MessageReceivers {
  readonly standing: NodeStanding;
  readonly lanes: Lanes;
  readonly membership: Membership;
  readonly realms: ServedRealms;
  readonly prober: Prober;
}

function createHold({ node, options, keys, surroundings }: Context, receivers: MessageReceivers): Hold {
  const { standing, lanes, membership, realms, prober } = receivers;
  const changes = options.access.cluster === undefined ? membership : new ChangesBehindInbox({ membership, prober });
  const { messagesIgnored } = options.counters;
  const nodes = keys.channels.nodes;
  const inbox = keys.channels.inbox(node);
  return new Hold({
    isOpen: () => standing.mayReceive(),
    receiver: {
      deliver: (channel, bytes, hasTime) => {
        if (channel === inbox) return lanes.receive(bytes, hasTime);
        if (channel === nodes) changes.receive(bytes);
        else if (!realms.change(channel, bytes)) messagesIgnored.channel++;
        return true;
      },
      proceed: (hasTime) => lanes.proceed(hasTime),
      abandon: () => lanes.abandon(),
      // Nothing else may follow in these lanes.
      lost: () => lanes.sync(),
    },
    maxMessages: MAX_HELD_MESSAGES,
    maxBytes: MAX_HELD_BYTES,
    turnMs: RECEIVE_TURN_MS,
    maxWaitingBytes: MAX_WAITING_BYTES,
    nowMs: surroundings.nowMs,
    atEndOfTurn: surroundings.atEndOfTurn,
  });
}
