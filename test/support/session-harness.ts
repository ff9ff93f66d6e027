import { createCodecs } from '../../src/codec/codecs.js';
import { createAnonymous } from '../../src/session/auth/anonymous.js';
import type { Authenticators } from '../../src/session/auth/authenticator.js';
import type { AuthMethod } from '../../src/session/auth/method.js';
import type { Subject } from '../../src/session/authorization/permission.js';
import { HandshakePacer, type HandshakePacerOptions } from '../../src/session/handshake-pacer.js';
import { InboxPool } from '../../src/session/inbox.js';
import { TurnScheduler } from '../../src/session/turn-scheduler.js';
import { createEndpoint } from '../../src/session/endpoint.js';
import type { SessionLimits } from '../../src/session/endpoint-dependencies.js';
import type { Authorizer, RealmDirectory, SessionRealm, RealmRules, Session } from '../../src/session/ports.js';
import { createCounters, type Counters } from '../../src/telemetry/counters.js';
import type { CloseCause, Connection, ConnectionListener, MalformedCause } from '../../src/transport/connection.js';
import type { Fault } from '../../src/wamp/faults.js';
import type { SessionId } from '../../src/wamp/ids.js';
import type { Call, RoutedMessage } from '../../src/wamp/messages.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { RecordingLogger } from './recording-logger.js';

export const codecs = createCodecs({ maxDepth: 32, maxContainerEntries: 1_000 });

const text = new TextDecoder();
const utf8 = new TextEncoder();

/** A connection in memory: what was written, decoded, and why it was closed. JSON unless the test sets another serializer. */
export class FakeConnection implements Connection {
  readonly transport = 'websocket';
  readonly isBatched = false;
  /** How often the endpoint had handled all messages that it kept. */
  caughtUpCount = 0;
  readonly remoteAddress = '192.0.2.1';
  readonly serializer: SerializerId;
  readonly written: Uint8Array[] = [];
  closeCause: CloseCause | undefined;
  isClosedNow = false;
  listener: ConnectionListener | undefined;

  constructor(serializer: SerializerId = 'json') {
    this.serializer = serializer;
  }

  get isOpen(): boolean {
    return this.closeCause === undefined;
  }

  write(message: Uint8Array): void {
    if (this.closeCause === undefined) this.written.push(message);
  }

  unsentBytes(): number {
    return 0;
  }

  close(cause: CloseCause): void {
    if (this.closeCause !== undefined) return;
    this.closeCause = cause;
    this.listener?.closed();
  }

  closeNow(): void {
    this.isClosedNow = true;
  }

  caughtUp(): void {
    this.caughtUpCount++;
  }

  /** Everything written, as lists. */
  get messages(): unknown[][] {
    return this.written.map((bytes) => JSON.parse(text.decode(bytes)) as unknown[]);
  }

  get last(): unknown[] | undefined {
    return this.messages.at(-1);
  }
}

/** A realm that records what reaches it. */
export class FakeRealm implements SessionRealm {
  readonly uri: string;
  rules: RealmRules = {
    uriCheck: 'loose',
    requestIdCheck: 'strict',
    allowDisclose: true,
    callTimeoutUnit: 'ms',
    maxUriBytes: 256,
    maxUriComponents: 16,
  };
  hasMetaEvents = false;
  readonly authorizers = new Map<string, Authorizer>([
    ['anonymous', { authorize: () => ({ allowed: true, disclose: false }) }],
  ]);
  readonly admitted: Session[] = [];
  readonly removed: Session[] = [];
  /** Parts of what a session holds that have yet to end. */
  partCount = 0;
  readonly forgotten: SessionId[] = [];
  readonly routed: { session: Session; message: RoutedMessage; disclose: boolean }[] = [];
  readonly continued: { session: Session; message: Call }[] = [];
  onAdmit: (session: Session) => void = () => undefined;
  onRoute: (session: Session, message: RoutedMessage) => Promise<void> | void = () => undefined;
  nextSession = 1001;
  reserve: SessionRealm['reserve'] = (_newcomer, drawn) => drawn ?? this.drawId();

  constructor(uri = 'realm1') {
    this.uri = uri;
  }

  drawId(): SessionId {
    return this.nextSession++ as SessionId;
  }

  authorizer({ authrole }: Subject): Authorizer | undefined {
    return this.authorizers.get(authrole);
  }

  forget(session: SessionId): void {
    this.forgotten.push(session);
  }

  admit(session: Session): void {
    this.admitted.push(session);
    this.onAdmit(session);
  }

  route(session: Session, message: RoutedMessage, disclose: boolean): Promise<void> | undefined {
    this.routed.push({ session, message, disclose });
    return this.onRoute(session, message) ?? undefined;
  }

  continueCall(session: Session, message: Call): void {
    this.continued.push({ session, message });
  }

  historyWith(): undefined {
    return undefined;
  }

  release(): void {
    // Only sessions of HTTP requests are released.
  }

  remove(session: Session): (() => boolean) | undefined {
    const endPart = (): boolean => {
      if (this.partCount > 0 && this.partCount-- > 0) return true;
      this.removed.push(session);
      return false;
    };
    return endPart() ? endPart : undefined;
  }
}

/** Timers that a test fires. */
export class ManualTimers {
  readonly pending: { delayMs: number; action: () => void }[] = [];

  readonly after = (delayMs: number, action: () => void): (() => void) => {
    const timer = { delayMs, action };
    this.pending.push(timer);
    return () => {
      const index = this.pending.indexOf(timer);
      if (index !== -1) this.pending.splice(index, 1);
    };
  };

  /** Fires the only pending timer. */
  fire(): void {
    const [timer, ...others] = this.pending;
    if (timer === undefined || others.length > 0) throw new Error(`${this.pending.length} timers are pending`);
    this.pending.splice(0);
    timer.action();
  }
}

/** For methods that ask none. */
export const NO_AUTHENTICATORS: Authenticators = {
  ask: () => Promise.reject(new Error('an authenticator was asked')),
  unusable: (_call, flaw) => {
    throw new Error(flaw);
  },
};

export interface HarnessOptions {
  readonly rules?: Partial<RealmRules>;
  readonly limits?: Partial<SessionLimits>;
  readonly authMethods?: readonly AuthMethod[];
  readonly authorizer?: Authorizer;
  readonly authenticators?: Authenticators;
  readonly serializer?: SerializerId;
  /** Default: more than a test needs. */
  readonly turnBudgetMs?: number;
  readonly pacing?: Partial<HandshakePacerOptions>;
  /** Instead of the one realm. */
  readonly realms?: RealmDirectory;
}

export const ALL_FEATURES = { payload_passthru_mode: true, progressive_call_invocations: true, call_canceling: true };
export const ALL_ROLES = {
  publisher: { features: ALL_FEATURES },
  subscriber: { features: ALL_FEATURES },
  caller: { features: ALL_FEATURES },
  callee: { features: ALL_FEATURES },
};

export interface Harness {
  readonly connection: FakeConnection;
  readonly realm: FakeRealm;
  readonly timers: ManualTimers;
  readonly counters: Counters;
  readonly log: RecordingLogger;
  readonly inboxes: InboxPool;
  readonly turns: TurnScheduler;
  /** Receives each message, encoded in JSON. */
  readonly send: (...messages: readonly unknown[][]) => void;
  readonly receive: (bytes: Uint8Array | string) => void;
  readonly malformed: (message: string, cause?: MalformedCause) => void;
  readonly hangUp: () => void;
  /** HELLO; returns the session that the realm was given. */
  readonly join: (roles?: object) => Session;
}

export function createHarness(options: HarnessOptions = {}): Harness {
  const connection = new FakeConnection(options.serializer);
  const realm = new FakeRealm();
  realm.rules = { ...realm.rules, ...options.rules };
  if (options.authorizer !== undefined) realm.authorizers.set('anonymous', options.authorizer);
  const timers = new ManualTimers();
  const counters = createCounters();
  const log = new RecordingLogger();
  const limits = {
    handshakeTimeoutMs: 5_000,
    goodbyeTimeoutMs: 2_000,
    maxFailedAuthenticationsPerConnection: 5,
    maxInboxMessages: 4,
    maxInboxBytes: 1_000,
    ...options.limits,
  };
  const turns = new TurnScheduler({
    meter: { spent: 0 },
    budgetMs: options.turnBudgetMs ?? 1_000,
    clock: { nowMs: () => 0, cpuMs: () => 0 },
    loop: { atEndOfTurn: setImmediate, later: setImmediate },
    hooks: {
      isHeld: () => false,
      flush: () => undefined,
      onExhausted: () => counters.turnsExhausted.all++,
      onFlooded: () => undefined,
    },
  });
  const inboxes = new InboxPool(1_000_000);
  const pacer = new HandshakePacer({
    limits: { maxHandshakesPerSecond: 0, maxWaitingHandshakes: 1 },
    stepBudgetMs: 5,
    nowMs: () => 0,
    later: setImmediate,
    isHeld: () => false,
    addressKeyOf: (address) => address,
    counters,
    ...options.pacing,
  });
  const authMethods = options.authMethods ?? [
    createAnonymous({ role: 'anonymous', randomAuthid: () => 'A-random-authid' }),
  ];
  const listener = createEndpoint(connection, {
    codecs,
    turns,
    pacer,
    inboxes,
    realms: options.realms ?? { open: () => realm },
    authMethodsOf: () => authMethods,
    authenticators: options.authenticators ?? NO_AUTHENTICATORS,
    limits,
    counters,
    logger: log,
    after: timers.after,
    agent: 'Gantry-test',
  });
  connection.listener = listener;
  const receive = (message: Uint8Array | string): void => {
    const bytes = typeof message === 'string' ? utf8.encode(message) : message;
    if (listener.takesNow()) listener.received(bytes);
    else listener.keep(bytes);
  };
  const harness: Harness = {
    connection,
    realm,
    timers,
    counters,
    log,
    inboxes,
    turns,
    receive,
    send: (...messages) => messages.forEach((message) => receive(JSON.stringify(message))),
    malformed: (message, cause = 'protocol_violation') => listener.malformed(message, cause),
    hangUp: () => listener.closed(),
    join: (roles = ALL_ROLES) => {
      harness.send([1, 'realm1', { roles }]);
      const session = realm.admitted.at(-1);
      if (session === undefined) throw new Error(`not admitted: ${JSON.stringify(connection.last)}`);
      return session;
    },
  };
  return harness;
}

export function isAbort(message: unknown[] | undefined, reason: string): boolean {
  return message?.[0] === 3 && message[2] === reason;
}

/** A promise with its ends outside. */
export function deferred<Value>(): {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
} {
  let ends: { resolve: (value: Value) => void; reject: (error: Error) => void } | undefined;
  const promise = new Promise<Value>((resolve, reject) => {
    ends = { resolve, reject };
  });
  return { promise, resolve: (value) => ends?.resolve(value), reject: (error) => ends?.reject(error) };
}

/** Lets everything that is ready to go on, go on. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export function faultOf(error: string, message = 'because'): Fault {
  return { kind: 'fault', error, message };
}
