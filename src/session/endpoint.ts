import type { Codec } from '../codec/codec.js';
import { subprotocolOf } from '../transport/opening/subprotocols.js';
import { HeadCache } from '../codec/head-cache.js';
import type { CloseCause, Connection, ConnectionListener, MalformedCause } from '../transport/connection.js';
import { HEADROOM_BYTES } from '../transport/slab.js';
import { Code } from '../wamp/codes.js';
import { fault, isFault, violation, type Fault } from '../wamp/faults.js';
import type { Uri } from '../wamp/ids.js';
import type { ClientMessage, HelloDetails } from '../wamp/messages.js';
import { NO_DETAILS, type Dict } from '../wamp/options.js';
import { Cost, costOfBytes } from '../routing/turn-meter.js';
import { CloseUri, ErrorUri } from '../wamp/uris.js';
import type { EndpointDependencies } from './endpoint-dependencies.js';
import { EndpointOutput, UNREADABLE } from './endpoint-output.js';
import { EstablishedSession, type SessionCloser } from './established-session.js';
import { Handshake, type HandshakeListener, type HandshakeResult } from './handshake.js';
import { Inbox } from './inbox.js';
import { isRouted, readMessage, wrongBehindHello } from './incoming.js';
import { LiveSession } from './live-session.js';
import { unavailable, type Unavailable } from './ports.js';
import { SessionTimer } from './session-timer.js';
import type { TurnAccount, TurnMember } from './turn-scheduler.js';
import { SessionReports } from './session-reports.js';
import { traitsOf, welcome } from './welcome.js';

/**
 * Rules 2.1. `closed`: no session. `failed`: ABORT was sent or received, or the transport has gone; terminal.
 * A client's GOODBYE is answered at once, so CLOSING takes no time.
 */
type State = 'closed' | 'establishing' | 'authenticating' | 'established' | 'shutting_down' | 'failed';

/** Creates the layer above one connection: its sessions, one after the other. */
export function createEndpoint(connection: Connection, dependencies: EndpointDependencies): ConnectionListener {
  return new Endpoint(connection, dependencies);
}

class Endpoint implements ConnectionListener, SessionCloser, HandshakeListener, TurnMember {
  readonly #connection: Connection;
  readonly #dependencies: EndpointDependencies;
  readonly #codec: Codec;
  readonly #reports: SessionReports;
  readonly #memory = new HeadCache();
  #refusedCount = 0;
  /** The last HELLO was refused: messages that the client sent behind it may still arrive. */
  #isRefused = false;
  #state: State = 'closed';
  readonly #output: EndpointOutput;
  readonly #timer: SessionTimer;
  #handshake: Handshake | undefined;
  #live: LiveSession | undefined;
  readonly #account: TurnAccount;
  #inbox: Inbox | undefined;
  /** A message is being decided: no further message is handled. */
  #isWaiting = false;
  /** A step of the handshake runs; it may end the handshake before it returns. */
  #isStepping = false;
  /** The connection has ended, but not all of its messages have been handled. */
  #isGone = false;
  #closeReason: Uri | undefined;
  /** A session has ended by GOODBYE, and none has begun since: answers of its handlers may still arrive. */
  #hadSession = false;

  constructor(connection: Connection, dependencies: EndpointDependencies) {
    this.#connection = connection;
    this.#dependencies = dependencies;
    this.#codec = dependencies.codecs[connection.serializer];
    this.#reports = new SessionReports(dependencies, connection.remoteAddress);
    this.#output = new EndpointOutput(connection, this.#codec, dependencies.counters, this.#reports);
    this.#timer = new SessionTimer(dependencies.after);
    this.#account = dependencies.turns.open(this);
    this.limitHandshake();
  }

  received(bytes: Uint8Array, headroomBytes = 0): void {
    const { turns } = this.#dependencies;
    const before = turns.spent;
    this.#handle(bytes, headroomBytes);
    turns.charge(this.#account, before, Cost.MESSAGE + costOfBytes(bytes.length));
  }

  takesNow(): boolean {
    return !this.#isWaiting && this.#dependencies.turns.admits(this.#account);
  }

  handleNext(): boolean {
    // The connection may have ended while a message is being decided: nothing may overtake that one (ORD-1).
    const message = this.#isWaiting ? undefined : this.#inbox?.shift();
    if (message !== undefined) this.received(message, HEADROOM_BYTES);
    const isLast = (this.#inbox?.count ?? 0) === 0;
    if (isLast) this.#connection.caughtUp();
    if (this.#isGone && (isLast || this.#isWaiting)) this.#drop('connection_lost');
    return !isLast && !this.#isWaiting;
  }

  abandon(): void {
    this.#drop('connection_lost');
  }

  malformed(message: string, cause: MalformedCause): void {
    if (this.#state === 'failed' || this.#state === 'shutting_down') return;
    this.#output.countReceived(UNREADABLE);
    this.abort(cause === 'limit' ? fault(ErrorUri.LIMIT_EXCEEDED, message) : violation(message));
  }

  /** Messages received before take effect before the session ends. Sessions that end together share turns. */
  closed(): void {
    const { turns } = this.#dependencies;
    this.#isGone = this.#account.isQueued || (this.#live !== undefined && !turns.admits(this.#account));
    if (this.#isGone) turns.queue(this.#account);
    else this.#drop('connection_lost');
  }

  goodbye(reason: Uri, message: string | undefined): void {
    if (this.#state !== 'established') return;
    this.#output.goodbye(reason, message);
    this.#state = 'shutting_down';
    this.#closeReason = reason;
    this.#timer.start(this.#dependencies.limits.goodbyeTimeoutMs, () => this.#fail('goodbye_timeout'));
    this.#endSession(reason);
  }

  dismiss(): void {
    if (this.#state === 'established') this.#fail('restart');
  }

  endAfter(delayMs: number): void {
    this.#timer.start(delayMs, () => this.goodbye(CloseUri.EXPIRED, 'the credentials have expired: log in again'));
  }

  abort(reason: Fault): void {
    if (this.#state === 'failed') return;
    this.#writeAbort(reason);
    this.#fail(this.#reports.aborted(reason, this.#live?.session));
  }

  challenge(method: string, extra: Dict): void {
    this.#state = 'authenticating';
    this.#output.send([Code.CHALLENGE, method, extra]);
    this.#goOn();
  }

  /**
   * Keeps the connection: the client may send another HELLO until the handshake timeout (rules 2.1). Drops what it has
   * sent behind the refused one.
   */
  refuse(reason: Fault): void {
    if (reason.error === ErrorUri.PROTOCOL_VIOLATION) {
      this.abort(reason);
      return;
    }
    this.#reports.refused(reason.error, reason.message);
    this.#dependencies.turns.work(Cost.SESSION);
    this.#handshake = undefined;
    this.#state = 'closed';
    this.#isRefused = true;
    this.#isWaiting = false;
    this.#inbox?.clear();
    this.#writeAbort(reason);
    this.#refusedCount++;
    if (this.#refusedCount >= this.#dependencies.limits.maxFailedAuthenticationsPerConnection) this.#fail('limit');
    else this.#connection.caughtUp();
  }

  postpone({ cause, message }: Unavailable): void {
    this.#reports.refused(cause, message);
    this.#fail(cause);
  }

  /** Queues WELCOME before the realm can route anything to the session (SES-7). */
  admit(result: HandshakeResult): void {
    const { realm, principal } = result;
    const { counters, agent } = this.#dependencies;
    const output = { connection: this.#connection, codec: this.#codec, counters, closer: this };
    const session = new EstablishedSession(traitsOf(result), output);
    this.#live = new LiveSession(session, realm, this.#dependencies, this.#reports);
    this.#handshake = undefined;
    this.#state = 'established';
    this.#timer.stop();
    if (principal.validForMs !== undefined) this.endAfter(principal.validForMs);
    this.#output.send(welcome(result, agent));
    this.#live.begin();
    this.#goOn();
  }

  #handle(bytes: Uint8Array, headroomBytes: number): void {
    if (this.#state === 'failed') return;
    const message = readMessage(this.#codec, bytes, headroomBytes, this.#memory);
    if (isFault(message)) {
      this.#output.countReceived(UNREADABLE);
      if (this.#state !== 'shutting_down') this.abort(message);
      return;
    }
    this.#output.countReceived(message[0]);
    if (this.#live !== undefined) this.#inSession(message, this.#live);
    else this.#outsideSession(message);
  }

  /** Handles a message behind HELLO that does not wait for the answer: a violation in any session, or ABORT. */
  #endsHandshake(bytes: Uint8Array): boolean {
    const message = readMessage(this.#codec, bytes, 0, this.#memory);
    const wrong = isFault(message) ? message : wrongBehindHello(message);
    const isAbort = !isFault(message) && message[0] === Code.ABORT;
    if (wrong === undefined && !isAbort) return false;
    this.#output.countReceived(isFault(message) ? UNREADABLE : message[0]);
    if (wrong === undefined) this.#fail('abort');
    else this.abort(wrong);
    return true;
  }

  #inSession(message: ClientMessage, { intake, session }: LiveSession): void {
    switch (message[0]) {
      case Code.HELLO:
        this.abort(violation('HELLO came a second time: the session is already established'));
        break;
      case Code.AUTHENTICATE:
        this.abort(violation('AUTHENTICATE came without CHALLENGE: the session is already established'));
        break;
      case Code.ABORT:
        this.#fail('abort');
        break;
      case Code.GOODBYE:
        if (message[2] === CloseUri.LOGOUT) this.#dependencies.logout?.(session);
        this.#leave();
        break;
      default: {
        const verdict = intake.accept(message);
        if (verdict === undefined) return;
        if (isFault(verdict)) this.abort(verdict);
        else this.#wait(verdict);
      }
    }
  }

  #outsideSession(message: ClientMessage): void {
    if (message[0] === Code.ABORT) {
      this.#fail('abort');
      return;
    }
    switch (this.#state) {
      case 'closed':
        if (message[0] === Code.HELLO) this.#open(message[1], message[2]);
        else if (!this.#isRefused && (!this.#hadSession || !isRouted(message)))
          this.abort(violation('HELLO must come first: there is no session'));
        break;
      case 'authenticating':
        if (message[0] === Code.AUTHENTICATE) this.#authenticate(message[1], message[2]);
        else this.abort(violation('AUTHENTICATE must follow CHALLENGE'));
        break;
      case 'shutting_down':
        if (message[0] === Code.GOODBYE) this.#farewell();
        break;
      case 'establishing':
      case 'established':
      case 'failed':
        break;
    }
  }

  #open(realm: Uri, details: HelloDetails): void {
    const { realms, authMethodsOf, authenticators, pacer, logger } = this.#dependencies;
    const connection = this.#connection;
    const { transport: type, serializer, isBatched, remoteAddress: peer } = connection;
    const transport = { type, protocol: subprotocolOf(serializer, isBatched), serializer, peer };
    const options = { realms, authMethodsOf, authenticators, transport, connection, pacer, logger };
    const handshake = new Handshake(options, this, realm, details);
    this.#handshake = handshake;
    this.#isRefused = false;
    this.#hadSession = false;
    this.#establish(() => handshake.start());
  }

  #authenticate(signature: string, extra: Dict): void {
    this.#establish(() => this.#handshake?.answer(signature, extra));
  }

  /** Messages behind HELLO or AUTHENTICATE wait for the answer: some clients do not wait for WELCOME (G10). */
  #establish(step: () => void): void {
    this.#state = 'establishing';
    this.#isWaiting = true;
    this.#isStepping = true;
    step();
    this.#isStepping = false;
  }

  /** The handshake has advanced: handles the messages that waited for it, unless the step that advanced it still runs and will. */
  #goOn(): void {
    this.#isWaiting = false;
    if (!this.#isStepping) this.#resume();
  }

  /** Answers GOODBYE once the session has ended, so that the client finds everything released. Messages behind it wait. */
  #leave(): void {
    this.#timer.stop();
    this.#isWaiting = true;
    this.#endSession('goodbye', () => {
      this.#isWaiting = false;
      if (this.#state !== 'established') return;
      this.#output.send([Code.GOODBYE, NO_DETAILS, CloseUri.GOODBYE_AND_OUT]);
      this.#reset();
      if ((this.#inbox?.count ?? 0) > 0) this.#dependencies.turns.queue(this.#account);
    });
  }

  /** The client has answered this node's GOODBYE. A node that shuts down wants no other session on this connection. */
  #farewell(): void {
    if (this.#closeReason === CloseUri.SYSTEM_SHUTDOWN) this.#fail('shutdown');
    else this.#reset();
  }

  /** After a completed GOODBYE exchange the client may send another HELLO, within bounded time (SES-14). */
  #reset(): void {
    this.#state = 'closed';
    this.#hadSession = true;
    this.#closeReason = undefined;
    this.#timer.start(this.#dependencies.limits.handshakeTimeoutMs, () => this.#handshakeTimedOut('goodbye'));
  }

  /** Takes no message until `pending` has settled, so that none overtakes another (rules 5.9 item 2). */
  #wait(pending: Promise<void>): void {
    this.#isWaiting = true;
    void pending.then(() => {
      this.#isWaiting = false;
      this.#resume();
    });
  }

  #resume(): void {
    const { turns } = this.#dependencies;
    while (!this.#isWaiting && (this.#inbox?.count ?? 0) > 0) {
      if (!turns.admits(this.#account)) {
        turns.queue(this.#account);
        return;
      }
      this.handleNext();
    }
  }

  keep(bytes: Uint8Array): void {
    if (this.#state === 'failed' || (this.#state === 'establishing' && this.#endsHandshake(bytes))) return;
    const { limits, inboxes, turns, counters } = this.#dependencies;
    this.#inbox ??= new Inbox({ maxMessages: limits.maxInboxMessages, maxBytes: limits.maxInboxBytes }, inboxes);
    if (this.#inbox.push(bytes)) {
      counters.messagesDeferred.all++;
      turns.kept(bytes.length, this.#inbox.isFilling);
      if (!this.#isWaiting) turns.queue(this.#account);
      return;
    }
    counters.limitsReached.inbox++;
    const message = 'messages came faster than they can be handled, and too many wait (limits.maxInboxBytes)';
    this.abort(fault(ErrorUri.LIMIT_EXCEEDED, message));
    // At once: otherwise the connection would continue to read what the socket still holds.
    this.#connection.closeNow();
  }

  limitHandshake(): void {
    this.#timer.start(this.#dependencies.limits.handshakeTimeoutMs, () => this.#handshakeTimedOut('handshake_timeout'));
  }

  #handshakeTimedOut(idle: CloseCause): void {
    if (this.#state === 'closed') {
      this.#fail(idle);
      return;
    }
    if (this.#state !== 'authenticating') {
      this.#handshake?.cancel('timeout');
      this.postpone(unavailable('undecided', 'the session could not be opened in time'));
      return;
    }
    const reason = fault(ErrorUri.AUTHENTICATION_FAILED, 'AUTHENTICATE did not come in time');
    this.#reports.refused(reason.error, reason.message);
    this.#writeAbort(reason);
    this.#fail('handshake_timeout');
  }

  #fail(cause: CloseCause): void {
    this.#drop(cause);
    this.#connection.close(cause);
  }

  #drop(cause: CloseCause | 'connection_lost'): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.#timer.stop();
    this.#dependencies.turns.forget(this.#account);
    this.#inbox?.clear();
    this.#handshake?.cancel();
    this.#handshake = undefined;
    this.#endSession(cause);
  }

  #endSession(reason: string, ended?: () => void): void {
    const live = this.#live;
    this.#live = undefined;
    live?.end(reason, ended);
  }

  #writeAbort(reason: Fault): void {
    if (this.#state !== 'shutting_down') this.#output.send([Code.ABORT, { message: reason.message }, reason.error]);
  }
}
