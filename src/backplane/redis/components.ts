import { performance } from 'node:perf_hooks';
import { RecurringLines } from '../../telemetry/recurring-lines.js';
import type { NodeId, Uri } from '../../wamp/ids.js';
import type { BackplaneEvents } from '../backplane.js';
import { encodeProbe } from '../wire/batch-writer.js';
import { READ_VERSIONS } from '../wire/format.js';
import { after } from './bounded.js';
import { RedisConnections } from './connection/connections.js';
import { Hold } from './reachability/hold.js';
import { createKeys, type Keys } from './keys.js';
import { Lanes } from './lanes/lanes.js';
import type { Speech } from './lanes/ports.js';
import { LeaseCheck } from './reachability/lease-check.js';
import { Membership } from './membership/membership.js';
import { OutageLog } from './reachability/outage-log.js';
import { Prober } from './reachability/prober.js';
import { Reachability } from './reachability/reachability.js';
import { RealmReplica } from './realm/replica.js';
import { withdrawNode } from './realm/scripts.js';
import { loadScripts } from './scripts/loader.js';
import { ServedRealms } from './realm/served-realms.js';
import { forgetSessionsOf, SessionsDirectory } from './sessions/session-directory.js';
import type { RedisBackplaneOptions } from './options.js';
import type { RightsScope } from './connection/store-rights.js';
import { parseStoreUrl } from './connection/store-url.js';
import { SuspendAwareClock } from './membership/suspend-aware-clock.js';

/** What the parts need of the whole. */
export interface Whole {
  readonly node: NodeId;
  readonly events: () => BackplaneEvents | undefined;
  /** Whether it may speak to others: it has not ended and its lease is valid. */
  speech(): Speech;
  /** It may act on what it hears: as long as nobody can have declared it dead. */
  mayListen(): boolean;
  gone(node: NodeId): void;
  /** Somebody says that this node was declared dead. */
  denied(): void;
  condemned(): void;
  fenced(): void;
  emptied(): void;
  /** A lease that may have run out has been renewed. */
  settled(): void;
  recover(isCurrent: () => boolean): Promise<void>;
  trouble(operation: string, cause: unknown): void;
}

export interface Parts {
  readonly keys: Keys;
  readonly outages: OutageLog;
  readonly connections: RedisConnections;
  readonly lanes: Lanes;
  readonly membership: Membership;
  readonly realms: ServedRealms;
  readonly sessions: SessionsDirectory;
  readonly prober: Prober;
  readonly reach: Reachability;
  readonly doubt: LeaseCheck;
  /** What leases and pauses are measured with. */
  readonly clock: SuspendAwareClock;
  readonly gate: Hold;
}

const RETRY_MS = 500;
const MAX_ITEMS_PER_STEP = 500;
const MAX_HELD_MESSAGES = 16_384;
/** What a message to another node takes besides its item. */
const HEADROOM_BYTES = 1_024;
/** Of other nodes, in one turn. A batch is heard whole: see MAX_ITEMS_PER_BATCH. */
const HEARING_MS = 10;
const MAX_WAITING_BYTES = 33_554_432;

const nowMs = (): number => performance.now();

function scopeOf(keys: Keys, node: NodeId, prefix: string, database: number): RightsScope {
  const { channels } = keys;
  const channelPattern = channels.nodes.replace(/\{.*$/, '*');
  return {
    key: keys.nodes.meta,
    channels: [channels.nodes, channels.inbox(node), channels.realm('any')],
    database,
    keyPattern: [...new Set([`${prefix}:*`, channelPattern])].join(' '),
    channelPattern,
  };
}

/** Makes the parts of one node's backplane and ties them to each other. Nothing is started. */
export function makeParts(options: RedisBackplaneOptions, whole: Whole): Parts {
  const { timings, counters, logger } = options;
  const { node } = whole;
  const { database } = parseStoreUrl(options.access.url);
  const keys = createKeys({ prefix: options.prefix, database });

  const outages = new OutageLog({ logger, nowMs, after });
  const doubts = new RecurringLines({ nowMs });
  const connections = new RedisConnections({
    node,
    access: options.access,
    scripts: loadScripts(),
    counters,
    random: Math.random,
    scope: scopeOf(keys, node, options.prefix, database),
    largestBytes: options.limits.maxMessageBytes ?? 0,
    pubsubBufferBytes: options.limits.pubsubBufferBytes,
    events: {
      message: (channel, bytes) => gate.receive(channel, bytes),
      connected: (isOtherServer) => {
        membership.listens(true);
        // What was said on the connections before is not heard on these.
        prober.reset();
        // A replica that took over may lack what was written last, by whichever node.
        if (isOtherServer) realms.storeEmptied();
        reach.regain();
      },
      disconnected: () => {
        membership.listens(false);
        reach.lose();
      },
    },
    log: (notice) => outages.notice(notice),
  });

  const lanes = new Lanes({
    node,
    channelOf: (to) => keys.channels.inbox(to),
    wire: options.interceptWire?.(connections) ?? connections,
    scheduleFlush: setImmediate,
    speech: () => whole.speech(),
    counters,
    limits: options.limits,
    maxItemBytes: () => connections.maxPublishBytes - HEADROOM_BYTES,
    inbound: { nowMs, confirmMs: timings.heartbeatMs / 2 },
    events: {
      publication: (from, realm, publication) => {
        if (realms.get(realm) !== undefined) whole.events()?.publication(from, realm, publication);
      },
      frame: (from, realm, frame) => whole.events()?.frame(from, realm, frame),
      gap: (from, reason) => whole.events()?.gap(from, reason),
      returned: (to, realm, frame) => whole.events()?.returned(to, realm, frame),
      confirmed: (from, realm, version) => realms.get(realm)?.confirmed(from, version),
      asked: (from, realm, version) => realms.asked(from, realm, version),
      probe: (number) => prober.heard(number),
      denied: () => whole.denied(),
      unknownSender: () => membership.suspect(),
      unreachable: (peer) => {
        logger.warn({ peer }, 'backplane.peer_unreachable');
        membership.absent(peer);
      },
      reachable: (peer) => {
        logger.info({ peer }, 'backplane.peer_reachable');
        membership.present(peer);
      },
    },
  });

  const sessions = new SessionsDirectory({
    node,
    store: connections,
    keys: keys.sessions,
    counters,
    after,
    schedule: setImmediate,
    limits: { maxSessionsPerStep: MAX_ITEMS_PER_STEP, retryMs: RETRY_MS },
    events: {
      // The other holder keeps it: ids are drawn at random, and two sessions share one only after the store was emptied.
      taken: (realm, session) => logger.warn({ realm, session, reason: 'session id taken' }, 'backplane.store'),
      failed: (operation, cause) => whole.trouble(operation, cause),
    },
  });

  const realms = new ServedRealms({
    channelOf: (realm) => keys.channels.realm(realm),
    channels: connections,
    membership: {
      noteRealm: (realm) => membership.noteRealm(realm),
      dropRealm: (realm) => membership.dropRealm(realm),
    },
    confirmations: lanes,
    make: (realm) => makeRealm(realm),
  });

  const makeRealm = (realm: Uri): RealmReplica =>
    new RealmReplica({
      realm,
      node,
      store: connections,
      keys: keys.realm(realm),
      channel: keys.channels.realm(realm),
      membership,
      confirmations: lanes,
      counters,
      nowMs,
      after,
      schedule: setImmediate,
      writeBefore: () => sessions.flush(),
      limits: {
        barrierTimeoutMs: timings.barrierTimeoutMs,
        takeoverMs: timings.takeoverTimeoutMs,
        reaskMs: timings.reaskMs,
        maxInterestsPerStep: MAX_ITEMS_PER_STEP,
        keepMs: timings.leaseMs,
        retryMs: RETRY_MS,
      },
      events: {
        registration: (of, registration) => whole.events()?.registration(of, registration),
        failed: (operation, cause) => whole.trouble(operation, cause),
        doubted: (of, message) =>
          doubts.say(of, (omitted) => logger.warn({ realm: of, message, ...omitted }, 'backplane.version_doubted')),
      },
    });

  const clock = new SuspendAwareClock({ monotonicMs: nowMs, wallMs: Date.now });
  const membership = new Membership({
    node,
    row: { name: options.name, reads: READ_VERSIONS, startedAtMs: Date.now() },
    store: connections,
    keys,
    nowMs: () => clock.nowMs(),
    after,
    random: Math.random,
    counters,
    leaseMs: timings.leaseMs,
    renewMs: timings.renewMs,
    absentMs: timings.absentMs,
    withdrawRealm: (of, realm) => withdrawNode(connections, keys, of, realm),
    forgetSessions: (of) => forgetSessionsOf(connections, keys.sessions, of),
    events: {
      entered: (peer, reads) => {
        logger.info({ peer }, 'backplane.peer_entered');
        lanes.open(peer, reads);
      },
      gone: (peer) => whole.gone(peer),
      denied: () => whole.denied(),
      condemned: () => whole.condemned(),
      fenced: () => whole.fenced(),
      emptied: () => whole.emptied(),
      trouble: (operation, cause) => whole.trouble(operation, cause),
    },
  });

  const prober = new Prober({
    say: (number) => {
      // Whether it arrived is what the probe is for.
      connections.publish(keys.channels.inbox(node), encodeProbe(node, number)).catch(() => undefined);
    },
    nowMs,
    timeoutMs: timings.probeTimeoutMs,
    counters,
    deaf: () => connections.reset('this node does not hear itself'),
  });

  const reach = new Reachability({
    after,
    downAfterMs: timings.downAfterMs,
    retryMs: RETRY_MS,
    recover: (isCurrent) => whole.recover(isCurrent),
    isConnected: () => connections.isConnected,
    cutOff: () => {
      outages.lost('the lease of this node has run out');
      lanes.cutOff(true);
      sessions.cutOff();
      realms.cutOff();
    },
    down: () => {
      counters.downs.all++;
      outages.down();
      whole.events()?.down(outages.reason);
    },
    regained: () => outages.regained(),
    up: () => whole.events()?.up(),
    recoveryFailed: (cause) => whole.trouble('recovering', cause),
  });

  const doubt = new LeaseCheck({
    renew: () => membership.renewOnce(),
    settled: () => whole.settled(),
    failed: (cause) => {
      whole.trouble('renewing a lease that has run out', cause);
      if (!reach.isUp) return;
      reach.lose();
      if (connections.isConnected) reach.regain();
    },
  });

  const inbox = keys.channels.inbox(node);
  const gate = new Hold({
    isOpen: () => whole.mayListen(),
    hear: (channel, bytes) => {
      if (channel === inbox) lanes.receive(bytes);
      else if (channel === keys.channels.nodes) membership.change(bytes);
      else if (!realms.change(channel, bytes)) counters.messagesIgnored.channel++;
    },
    maxMessages: MAX_HELD_MESSAGES,
    turnMs: HEARING_MS,
    maxWaitingBytes: MAX_WAITING_BYTES,
    nowMs,
    atEndOfTurn: setImmediate,
  });

  return { keys, outages, connections, lanes, membership, realms, sessions, prober, reach, doubt, clock, gate };
}
