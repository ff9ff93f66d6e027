import { HeldTotal } from '../../src/routing/held-total.js';
import type { Backplane } from '../../src/backplane/backplane.js';
import { payloadOf } from '../../src/codec/payload.js';
import { Delivery } from '../../src/realm/delivery.js';
import { Inbound } from '../../src/realm/inbound.js';
import { createRandomSource } from '../../src/realm/random-source.js';
import type { Realm } from '../../src/realm/realm.js';
import type { RealmSettings } from '../../src/realm/realm-dependencies.js';
import { Realms } from '../../src/realm/realms.js';
import type { RouterProcedures } from '../../src/realm/router-procedures.js';
import { RoleAuthorizers } from '../../src/session/authorization/role-authorizers.js';
import type { Session } from '../../src/session/ports.js';
import { createCounters } from '../../src/telemetry/counters.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { Code } from '../../src/wamp/codes.js';
import { isFault } from '../../src/wamp/faults.js';
import type { NodeId, RequestId, Uri } from '../../src/wamp/ids.js';
import type { RouterMessage } from '../../src/wamp/messages.js';
import type { CallOptions, CancelMode, InvocationPolicy } from '../../src/wamp/options.js';
import type { Payload } from '../../src/wamp/payload.js';
import { FaultyHub } from './memory-faults.js';
import { newcomer } from './newcomer.js';
import { testPeer } from './recording-outlet.js';
import { codecs } from './session-harness.js';
import { META_LIMITS } from './meta-limits.js';

export const REALM = 'com.realm';
const IDLE_MS = 1_000;
const A_LONG_TIME_MS = 3_600_000;

export const SETTINGS: RealmSettings = {
  rules: {
    uriCheck: 'loose',
    requestIdCheck: 'off',
    allowDisclose: true,
    callTimeoutUnit: 'ms',
    maxUriBytes: 255,
    maxUriComponents: 16,
  },
  dealing: {
    progressiveResultsRequireCanceling: false,
    timeoutUnit: 'ms',
    busyError: 'wamp',
    forceReregister: 'nobody',
  },
  authorization: { roles: new RoleAuthorizers(new Map()), remote: new Map() },
  metaApi: 'read',
};

/** Nodes with real realms on one hub, whose lanes and timers the test runs. */
export class Scene {
  readonly hub: FaultyHub;
  readonly #runs: { readonly from: NodeId; readonly to: NodeId; readonly deliver: () => void }[] = [];

  constructor() {
    this.hub = new FaultyHub({ schedule: (from, to, deliver) => this.#runs.push({ from, to, deliver }) });
  }

  async node(name: string, procedures?: RouterProcedures): Promise<SceneNode> {
    const node = new SceneNode(this.hub.join(name as NodeId), procedures);
    await this.settle(node.start());
    return node;
  }

  /** Delivers everything but what goes from and to, and lets promises settle, until nothing is under way. */
  async deliver(except?: { from: string; to: string }): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const index = this.#runs.findIndex(({ from, to }) => from !== except?.from || to !== except.to);
      if (index === -1) return;
      for (const { deliver } of this.#runs.splice(index, 1)) deliver();
    }
  }

  async settle<T>(waiting: Promise<T>): Promise<T> {
    await this.deliver();
    return waiting;
  }
}

export class SceneNode {
  readonly backplane: Backplane;
  readonly realms: Realms;
  readonly counters = createCounters();
  readonly #timers: (() => void)[] = [];

  readonly failures: unknown[] = [];
  #nowMs = 0;

  constructor(backplane: Backplane, procedures?: RouterProcedures) {
    this.backplane = backplane;
    const { counters } = this;
    this.realms = new Realms({
      configured: new Map(),
      template: { settings: SETTINGS, admits: () => true, idleMs: IDLE_MS },
      limits: { maxRealms: 1 },
      logger: silentLogger,
      shared: {
        backplane,
        codecs,
        counters,
        delivery: new Delivery(codecs, counters, { spent: 0 }),
        random: createRandomSource(),
        limits: {
          maxSessions: 10,
          maxSubscriptionsPerSession: 10,
          maxRegistrationsPerSession: 10,
          maxPendingCallsPerSession: 10,
          maxHeldMessages: 1_000,
          maxHeldBytes: 1_000_000,
          maxTestamentsPerSession: 3,
          maxTestamentBytes: 1_000,
          maxTotalTestamentBytes: 1_000_000,
          ...META_LIMITS,
          interruptTimeoutMs: 5_000,
        },
        heldTotal: new HeldTotal(Infinity),
        nowMs: () => this.#nowMs,
        after: (_delayMs, action) => {
          this.#timers.push(action);
          return () => undefined;
        },
        ...(procedures === undefined ? {} : { procedures }),
        onProcedureFailure: (_realm, _procedure, cause) => this.failures.push(cause),
        totals: { sessionCount: 0, testamentBytes: 0 },
        longWork: {
          inTurns: (part) => {
            while (part());
            return Promise.resolve();
          },
        },
        keptWrites: { count: 0, bytes: 0, lastNumber: 0 },
        onLostRequest: (_operation, cause) => {
          throw cause;
        },
      },
    });
  }

  async start(): Promise<void> {
    await this.backplane.start(
      new Inbound(this.realms.all, this.backplane.bus, {
        gap: () => undefined,
        nodeGone: () => undefined,
        sessionsLost: (sessions) => this.realms.sessionsLost(sessions),
        reach: () => undefined,
        fenced: () => undefined,
      }),
    );
    await this.realms.start();
    const opened = await this.realms.open(REALM);
    if (isFault(opened)) throw new Error(opened.message);
  }

  get realm(): Realm {
    return this.realms.all.get(REALM)!;
  }

  /** Every timer fires: an empty realm closes. */
  passTime(): void {
    this.#nowMs += A_LONG_TIME_MS;
    for (const action of this.#timers.splice(0)) action();
  }

  join(): Client {
    return new Client(this.realm);
  }
}

/** A session of a realm: what was sent to it. */
export class Client {
  readonly realm: Realm;
  readonly session: Session;
  readonly received: RouterMessage[] = [];
  events = 0;
  #lastRequest = 0;

  constructor(realm: Realm) {
    this.realm = realm;
    const features = new Set(['call_canceling', 'progressive_call_invocations', 'progressive_call_results'] as const);
    this.session = {
      ...testPeer({ features: { caller: features, callee: features } }),
      realm: REALM,
      authmethod: 'anonymous',
      authprovider: 'static',
      serializer: 'json',
      maxMessageBytes: Infinity,
      isOpen: true,
      isReachable: true,
      send: (message) => void this.received.push(message),
      write: () => {
        this.events++;
      },
      close: () => undefined,
      dismiss: () => undefined,
      endAfter: () => undefined,
      mayPublish: () => ({ allowed: true, disclose: false }),
      maySubscribe: () => ({ allowed: true, disclose: false }),
      authorizer: undefined,
      reauthorize: () => undefined,
      abort: (violation) => {
        throw new Error(violation.message);
      },
    };
    // As if reserved before: admission counts on it.
    void realm.reserve(newcomer());
    realm.admit(this.session);
  }

  register(procedure: Uri, invoke: InvocationPolicy = 'single'): void {
    const request = ++this.#lastRequest as RequestId;
    const options = {
      match: 'exact',
      invoke,
      discloseCaller: false,
      forwardTimeout: false,
      forceReregister: false,
    } as const;
    void this.realm.route(this.session, [Code.REGISTER, request, options, procedure], false);
  }

  call(
    procedure: Uri,
    options: Partial<CallOptions> = {},
    request = ++this.#lastRequest,
    payload: Payload = payloadOf([]),
  ): number {
    const all = { timeoutMs: 0, receiveProgress: false, progress: false, discloseMe: false, ...options };
    void this.realm.route(this.session, [Code.CALL, request as RequestId, all, procedure, payload], false);
    return request;
  }

  subscribe(topic: Uri): void {
    const request = ++this.#lastRequest as RequestId;
    void this.realm.route(this.session, [Code.SUBSCRIBE, request, { match: 'exact' }, topic], false);
  }

  cancel(request: number, mode: CancelMode): void {
    void this.realm.route(this.session, [Code.CANCEL, request as RequestId, { mode }], false);
  }

  yield(request: number, payload: Payload = payloadOf([])): void {
    void this.realm.route(this.session, [Code.YIELD, request as RequestId, { progress: false }, payload], false);
  }

  /** Answers an INVOCATION with an ERROR. */
  fail(request: number, error: Uri, payload: Payload = payloadOf([])): void {
    void this.realm.route(this.session, [Code.ERROR, Code.INVOCATION, request as RequestId, {}, error, payload], false);
  }

  /** The codes that came since the last time, and the URI of an ERROR. */
  take(): unknown[] {
    return this.received
      .splice(0)
      .map((message) => (message[0] === Code.ERROR ? [message[2], message[4]] : message[0]));
  }
}
