import { HeldTotal } from '../../src/routing/held-total.js';
import { BackplaneUnavailableError, type Backplane, type BackplaneEvents } from '../../src/backplane/backplane.js';
import { payloadOf } from '../../src/codec/payload.js';
import type { RandomSource } from '../../src/realm/random-source.js';
import { Delivery } from '../../src/realm/delivery.js';
import { Inbound } from '../../src/realm/inbound.js';
import type { Realm } from '../../src/realm/realm.js';
import type { RealmSettings } from '../../src/realm/realm-dependencies.js';
import { Realms } from '../../src/realm/realms.js';
import type { Frame } from '../../src/routing/frames.js';
import { packTestament } from '../../src/realm/testaments/testament.js';
import { createCounters } from '../../src/telemetry/counters.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { RoleAuthorizers } from '../../src/session/authorization/role-authorizers.js';
import { isUnavailable } from '../../src/session/ports.js';
import { isFault } from '../../src/wamp/faults.js';
import type { NodeId, PublicationId, SessionId } from '../../src/wamp/ids.js';
import { Client } from './client.js';
import type { Journal, NodeState } from './journal.js';
import { contentOf, tokenCodec } from './note.js';
import { INTERRUPT_TIMEOUT_MS } from './schedule.js';
import { judgeCutOff, judgeReturned } from './verdict-at-once.js';
import type { VirtualTime } from './virtual-time.js';
import { TESTAMENT, Watcher } from './watcher.js';
import type { Cluster } from './cluster.js';
import { newcomer } from '../support/newcomer.js';
import { META_LIMITS } from '../support/meta-limits.js';

const SERVE_AGAIN_MS = 200;

export const REALM = 'realm.simulated';

const SETTINGS: RealmSettings = {
  rules: {
    uriCheck: 'loose',
    requestIdCheck: 'strict',
    allowDisclose: true,
    callTimeoutUnit: 'ms',
    maxUriBytes: 255,
    maxUriComponents: 16,
  },
  dealing: {
    progressiveResultsRequireCanceling: true,
    timeoutUnit: 'ms',
    busyError: 'wamp',
    forceReregister: 'anybody',
  },
  authorization: { roles: new RoleAuthorizers(new Map()), remote: new Map() },
  metaApi: 'off',
};

const KEEPING = {
  retention: {
    topics: [{ uri: '', match: 'prefix' as const }],
    maxTopics: 100,
    maxMessageBytes: 1_000,
    maxBytes: 1_000_000,
    ttlMs: 0,
    clearOnEmpty: false,
  },
};

/** Changes the events between the backplane and the node, to show that the verdict finds the violations. */
export type Meddle = (events: BackplaneEvents, node: NodeId, random: () => number) => BackplaneEvents;

export interface SimulatedNodeOptions {
  readonly id: NodeId;
  readonly cluster: Cluster;
  readonly time: VirtualTime;
  readonly journal: Journal;
  readonly random: () => number;
  /** Proposes the id of a new session; sometimes the id of a live session, which must be drawn again (SES-2). */
  readonly proposeSessionId: () => SessionId;
  readonly meddle: Meddle | undefined;
  readonly hasMetaApi: boolean;
  readonly partSize: number;
  /** Runs the next part of long work at some later time. */
  readonly schedulePart: (part: () => void) => void;
  /** Called when the node could not start and has ended: another attempt begins. */
  readonly onFailed: () => void;
  /** Called when the node was declared dead and has left: a new incarnation begins. */
  readonly onFenced: () => void;
}

/** A node without sockets: the real realm, broker, dealer and backplane, on virtual time. */
export class SimulatedNode {
  readonly id: NodeId;
  readonly time: VirtualTime;
  readonly journal: Journal;
  readonly counters = createCounters();
  readonly clients = new Set<Client>();
  /** The notices that this node has received of the death of others, and of messages lost on the lanes from them. */
  readonly goneNotices: { readonly node: NodeId; readonly at: number }[] = [];
  readonly gapNotices: { readonly from: NodeId; readonly at: number }[] = [];
  /** The times at which a message of this node was returned. */
  readonly returnNotices: number[] = [];
  /** `declared-dead` means: declared dead, but not notified. */
  state: NodeState = 'starting';
  /** The time at which the node was ready. */
  liveAt = Infinity;
  /** The time at which the node died, left or was declared dead. */
  goneAt = Infinity;
  /** The time at which the node was declared dead while it lived. */
  declaredDeadAt = Infinity;
  /** The time at which the others removed its rows. */
  removedAt = Infinity;
  /** The store had lost its rows before. */
  wereRowsLost = false;
  /** The times at which the node was cut off. */
  readonly isolatedAt: number[] = [];
  /** The times in which it could not reach another node. */
  readonly cutOffs: { readonly from: number; until: number }[] = [];
  /** The times at which the node's callees lost their procedures. */
  readonly calleesLostAt: number[] = [];
  /** Receives all meta events, where the realm has them. */
  watcher: Watcher | undefined;
  /** The realm has the meta API, and keeps events. */
  readonly hasMetaApi: boolean;
  readonly #schedulePart: (part: () => void) => void;
  readonly #onFailed: () => void;
  readonly #isCutOff: () => boolean;
  readonly #lacksRows: () => boolean;
  readonly #backplane: Backplane;
  readonly #realms: Realms;
  readonly #inbound: BackplaneEvents;
  readonly heldTotal = new HeldTotal(Infinity);
  readonly #totals = { sessionCount: 0, testamentBytes: 0 };

  constructor({
    id,
    cluster,
    time,
    journal,
    random,
    proposeSessionId,
    meddle,
    hasMetaApi,
    partSize,
    schedulePart,
    onFailed,
    onFenced,
  }: SimulatedNodeOptions) {
    this.#onFailed = onFailed;
    this.time = time;
    this.journal = journal;
    this.hasMetaApi = hasMetaApi;
    this.#schedulePart = schedulePart;
    this.#isCutOff = () => cluster.isCutOff(this.id);
    this.#lacksRows = () => cluster.lacksRows(this.id);
    this.#backplane = cluster.join(id, () => this.state === 'dead');
    this.id = this.#backplane.node;
    const codecs = { json: tokenCodec, msgpack: tokenCodec, cbor: tokenCodec };
    this.#realms = new Realms({
      configured: new Map([[REALM, { ...SETTINGS, ...(hasMetaApi && { metaApi: 'read', keeping: KEEPING }) }]]),
      limits: { maxRealms: 1 },
      logger: silentLogger,
      shared: {
        backplane: this.#backplane,
        codecs,
        delivery: new Delivery(codecs, this.counters, { spent: 0 }),
        counters: this.counters,
        random: randomSourceOf(random, proposeSessionId),
        limits: {
          maxSessions: 1_000,
          maxSubscriptionsPerSession: 100,
          maxRegistrationsPerSession: 100,
          maxPendingCallsPerSession: 1_000,
          maxHeldMessages: 1_000,
          maxHeldBytes: 1_000_000,
          maxTestamentsPerSession: 3,
          maxTestamentBytes: 1_000,
          maxTotalTestamentBytes: 1_000_000,
          ...META_LIMITS,
          interruptTimeoutMs: INTERRUPT_TIMEOUT_MS,
        },
        heldTotal: this.heldTotal,
        nowMs: () => time.nowMs,
        // A dead node's timers die with it.
        after: (delayMs, action) => time.after(delayMs, () => this.state !== 'dead' && action()),
        longWork: {
          inTurns: (part) => this.inTurns(part),
          partSizes: { receivers: partSize, holdings: partSize },
        },
        keptWrites: { count: 0, bytes: 0, lastNumber: 0 },
        totals: this.#totals,
        onLostRequest: () => undefined,
      },
    });
    const inbound = new Inbound(this.#realms.all, this.#backplane.bus, {
      gap: (from) => void this.gapNotices.push({ from, at: journal.tick() }),
      nodeGone: () => undefined,
      sessionsLost: (sessions) => this.#realms.sessionsLost(sessions),
      reach: () => undefined,
      fenced: () => {
        void this.#leave();
        onFenced();
      },
    });
    this.#inbound = meddle === undefined ? inbound : meddle(inbound, this.id, random);
  }

  /** It knows that it cannot reach the others. */
  get isOut(): boolean {
    return this.#backplane.isCutOff;
  }

  /** Another node cannot be reached from it. */
  get isCutOff(): boolean {
    return this.#isCutOff();
  }

  get realm(): Realm {
    return this.#realms.all.get(REALM)!;
  }

  get sessionCount(): number {
    return this.#totals.sessionCount;
  }

  /** Runs each part of long work between other work, until a part returns false; the first one was done just now. */
  inTurns(part: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const next = (): void =>
        this.#schedulePart(() => {
          // The parts of a process end with it.
          if (this.state === 'dead') return;
          if (part()) next();
          else resolve();
        });
      next();
    });
  }

  /** Starts, or ends without having been there: the store was out of reach for too long. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (cause) {
      if (!(cause instanceof BackplaneUnavailableError)) throw cause;
      if (this.state !== 'starting') return;
      this.goneAt = this.journal.tick();
      this.noteRemoval();
      await this.#leave();
      this.#onFailed();
    }
  }

  async #start(): Promise<void> {
    const events = this.#inbound;
    await this.#backplane.start({
      publication: (from, realm, publication) => events.publication(from, realm, publication),
      frame: (from, realm, frame) => events.frame(from, realm, frame),
      registration: (realm, registration) => events.registration(realm, registration),
      topic: (realm, change) => events.topic?.(realm, change),
      sessionsLost: (node, sessions) => events.sessionsLost?.(node, sessions),
      nodeGone: (node) => {
        this.goneNotices.push({ node, at: this.journal.tick() });
        events.nodeGone(node);
      },
      gap: (from, reason) => events.gap(from, reason),
      returned: (to, realm, frame) => {
        this.returnNotices.push(this.journal.tick());
        const reroutedBefore = this.counters.routing.call_rerouted;
        events.returned(to, realm, frame);
        judgeReturned(this, frame, this.counters.routing.call_rerouted > reroutedBefore);
      },
      down: (reason) => {
        events.down(reason);
        judgeCutOff(this);
      },
      up: () => events.up(),
      fenced: () => events.fenced(),
    });
    await this.#serve();
    if (this.state !== 'starting') return;
    noteInvokes(this.id, this.realm, this.#backplane, this.journal);
    this.state = 'live';
    this.liveAt = this.journal.tick();
    if (this.hasMetaApi) await this.#watch();
  }

  /** As a node does: another attempt follows, until the realm is served. */
  async #serve(): Promise<void> {
    for (;;) {
      try {
        await this.#realms.start();
        return;
      } catch (cause) {
        if (!(cause instanceof BackplaneUnavailableError) || this.state !== 'starting') throw cause;
        await new Promise<void>((resolve) => this.time.after(SERVE_AGAIN_MS, resolve));
      }
    }
  }

  async #watch(): Promise<void> {
    const session = await this.#reserve('watcher');
    if (session === undefined) return;
    this.watcher = new Watcher(session, this, 'watcher', 'all');
    this.clients.add(this.watcher);
    this.realm.admit(this.watcher);
    this.watcher.watch();
  }

  /** The ids of its sessions are taken in the cluster before they are there. */
  async join(role: string, features: 'all' | 'few'): Promise<Client | undefined> {
    const session = await this.#reserve(role);
    if (session === undefined) return undefined;
    const client = new Client(session, this, role, features);
    this.clients.add(client);
    this.realm.admit(client);
    if (this.hasMetaApi) void this.#addTestament(client);
    return client;
  }

  async #addTestament(client: Client): Promise<void> {
    const { session } = client;
    const content = { scope: 'destroyed', topic: TESTAMENT, disclose: false, payload: payloadOf([session]) } as const;
    const entry = this.realm.testaments.reserve(session, content.scope, packTestament(content, {})!);
    if (isFault(entry)) throw new Error(entry.message);
    try {
      await this.realm.testaments.grant(session, entry);
      client.hasTestament = client.isOpen;
    } catch (cause) {
      if (!(cause instanceof BackplaneUnavailableError)) throw cause;
    }
  }

  async #reserve(role: string): Promise<SessionId | undefined> {
    const session = await this.realm.reserve(newcomer(role));
    return isUnavailable(session) || isFault(session) || this.state !== 'live' ? undefined : session;
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.end();
    this.goneAt = this.journal.tick();
    this.noteRemoval();
    await this.#leave();
  }

  /** The others have declared it dead, while it lives. */
  declareDead(): void {
    this.state = 'declared-dead';
    this.goneAt = this.declaredDeadAt = this.journal.tick();
  }

  /** To be called whenever nodes may have lost each other, or found each other again. */
  noteCutOff(): void {
    const last = this.cutOffs.at(-1);
    const isKnown = last?.until === Infinity;
    if (this.isCutOff && !isKnown) this.cutOffs.push({ from: this.journal.at, until: Infinity });
    else if (!this.isCutOff && isKnown) last.until = this.journal.at;
  }

  /** Its rows are about to be removed. */
  noteRemoval(): void {
    this.removedAt = this.journal.tick();
    this.wereRowsLost = this.#lacksRows();
  }

  async #leave(): Promise<void> {
    this.state = 'stopped';
    for (const client of this.clients) client.end();
    this.#realms.stop();
    await this.#backplane.stop();
  }

  /** The process is no more. */
  die(): void {
    this.state = 'dead';
    this.goneAt = this.journal.tick();
    for (const client of this.clients) if (client.isOpen) client.die();
  }
}

/** Writes down when a call is sent to a callee, of this node or of another. */
function noteInvokes(node: NodeId, { dealer }: Realm, { bus }: Backplane, journal: Journal): void {
  const note = (frame: Frame): void => {
    const content = frame.kind === 'invoke' ? contentOf(frame.payload) : undefined;
    if (content !== undefined && 'call' in content) journal.calls[content.call]?.sentAt.push(journal.tick());
  };
  const send = bus.send.bind(bus);
  bus.send = (to, realm, frame) => {
    note(frame);
    return send(to, realm, frame);
  };
  const receive = dealer.receive.bind(dealer);
  dealer.receive = (from, frame) => {
    if (from === node) note(frame);
    receive(from, frame);
  };
}

function randomSourceOf(random: () => number, sessionId: () => SessionId): RandomSource {
  return { sessionId, random, publicationId: () => (1 + Math.floor(random() * (2 ** 53 - 1))) as PublicationId };
}
