import { setImmediate } from 'node:timers/promises';
import type { Accept, CloseCause, ConnectionTraits } from '../connection.js';
import type { ConnectionRefusal } from '../../telemetry/counters.js';
import type { GateRefusal, ListenerGate } from '../listener-gate.js';
import type { TemporaryRefusal } from '../opening/refusals.js';
import { OVERLONG_FACTOR, type SharedTransport } from '../shared-transport.js';
import type { ConnectionDependencies } from '../socket-connection.js';
import { StopGrace } from '../stop-grace.js';
import type { Subprotocol } from '../opening/subprotocols.js';
import { PollConnection } from './poll-connection.js';
import type { CloseOutcome, PollHome, SendOutcome } from './poll-home.js';
import { PollSocket, type Poll, type PollSocketOptions } from './poll-socket.js';
import { newSecret } from './transport-id.js';

export type PollTimes = Omit<PollSocketOptions, 'serializer' | 'isBatched'>;

/** A listener that serves long-poll, as `PollServer.listener` makes it. */
export interface PollListener {
  readonly gate: ListenerGate;
  readonly times: PollTimes;
  /** Those of each of its connections. */
  readonly dependencies: ConnectionDependencies;
}

/** A client that opens a transport. */
export interface PollClient extends Pick<
  ConnectionTraits,
  'remoteAddress' | 'certificate' | 'cookie' | 'isSecure' | 'headers'
> {
  readonly subprotocol: Subprotocol;
  /** See `HttpExchange`. */
  readonly addressKey: string;
}

export type OpenOutcome =
  | { readonly kind: 'opened'; readonly secret: string }
  | { readonly kind: 'refused'; readonly reason: GateRefusal | TemporaryRefusal };

interface Transport {
  readonly connection: PollConnection;
  readonly socket: PollSocket;
}

/** A client may close a transport that has just ended, and gets no error. */
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 10_000;
const NOTHING = (): void => undefined;

/** The long-poll transports of this node, of all its listeners: owns the life of each. */
export class PollServer implements PollHome {
  readonly #accept: Accept;
  readonly #shared: SharedTransport;
  readonly #dependencies: ConnectionDependencies;
  readonly #transports = new Map<string, Transport>();
  /** Secrets of transports that have ended, with the time until which each is remembered, in this order. */
  readonly #ended = new Map<string, number>();
  #isAccepting = true;
  #stopping: Promise<void> | undefined;
  readonly #grace = new StopGrace();

  constructor(accept: Accept, shared: SharedTransport) {
    this.#accept = accept;
    this.#shared = shared;
    this.#dependencies = shared.dependencies({ compress: false });
  }

  get connectionCount(): number {
    return this.#transports.size;
  }

  /** Transports with a poll that waits. O(transports). */
  get waitingCount(): number {
    let count = 0;
    for (const { socket } of this.#transports.values()) if (socket.isPolled) count++;
    return count;
  }

  /** Sum over all transports. O(transports). */
  unsentBytes(): number {
    let sum = 0;
    for (const { connection } of this.#transports.values()) sum += connection.unsentBytes();
    return sum;
  }

  /** Makes the parts that all transports of a listener share. */
  listener(gate: ListenerGate, times: PollTimes): PollListener {
    // Each poll takes one message: a client that reads needs as many round trips as messages wait.
    const outbox = { ...this.#dependencies.outbox, lingerMs: times.sessionTimeoutMs };
    return { gate, times, dependencies: { ...this.#dependencies, outbox } };
  }

  /** `listener`: the one that the request arrived at. */
  open({ subprotocol, addressKey, ...client }: PollClient, listener: PollListener): OpenOutcome {
    const { gate, times, dependencies } = listener;
    const slot = this.#shared.closedFor(this.#isAccepting) ?? gate.reserve(addressKey);
    if (typeof slot === 'string') return { kind: 'refused', reason: slot };
    const { serializer, isBatched } = subprotocol;
    const socket = new PollSocket({ ...times, serializer, isBatched });
    const { authMethods } = gate;
    const traits = { transport: 'longpoll', serializer, isBatched, authMethods, ...client } as const;
    const connection = new PollConnection(socket, traits, dependencies);
    const secret = newSecret();
    let cut: 'peer' | 'idle_timeout' = 'peer';
    socket.owner = {
      drained: () => connection.drained(),
      lost: (why) => {
        if (why === 'idle') cut = 'idle_timeout';
        socket.close();
      },
      ended: () => {
        slot.release();
        this.#forget(secret);
        gate.ended(connection, cut);
      },
    };
    this.#transports.set(secret, { connection, socket });
    gate.opened(connection);
    connection.listen(this.#accept(connection));
    return { kind: 'opened', secret };
  }

  /** A client was refused. */
  refused(reason: ConnectionRefusal, remoteAddress: string, origin: string, { gate }: PollListener): void {
    gate.refused(reason);
    this.#shared.logger.info({ reason, remoteAddress, ...(origin === '' ? {} : { origin }) }, 'connection.refused');
  }

  has(secret: string): boolean {
    return this.#transports.has(secret);
  }

  receive(secret: string, poll: Poll): () => void {
    const transport = this.#transports.get(secret);
    if (transport !== undefined) return transport.socket.receive(poll);
    poll({ kind: 'unknown' });
    return NOTHING;
  }

  send(secret: string, body: Uint8Array): SendOutcome {
    const connection = this.#transports.get(secret)?.connection;
    if (connection?.isOpen !== true) return 'unknown';
    connection.received(body);
    return body.length > this.#shared.bounds.maxMessageBytes ? 'too_large' : 'taken';
  }

  overlong(secret: string): void {
    const { maxMessageBytes } = this.#shared.bounds;
    this.#transports.get(secret)?.connection.overlong(maxMessageBytes * OVERLONG_FACTOR + 1, maxMessageBytes);
  }

  close(secret: string): CloseOutcome {
    const transport = this.#transports.get(secret);
    transport?.socket.close();
    return transport !== undefined || this.#remembers(secret) ? 'taken' : 'unknown';
  }

  /** Opens no transport any more; those that are open continue. */
  stopListening(): void {
    this.#isAccepting = false;
  }

  /** Closes every transport, and cuts those whose client has not taken the rest within a second. Idempotent. */
  stop(cause: CloseCause = 'shutdown'): Promise<void> {
    this.#stopping ??= this.#stop(cause);
    return this.#stopping;
  }

  async #stop(cause: CloseCause): Promise<void> {
    this.stopListening();
    for (const { connection } of this.#transports.values()) connection.close(cause);
    if (this.#transports.size > 0) {
      await this.#grace.wait(() => {
        for (const { socket } of this.#transports.values()) socket.close();
      });
    }
    // The last answers go out at the end of the turn.
    await setImmediate();
  }

  #forget(secret: string): void {
    this.#transports.delete(secret);
    this.#ended.set(secret, this.#dependencies.nowMs() + REMEMBERED_MS);
    if (this.#ended.size > MAX_REMEMBERED)
      for (const oldest of this.#ended.keys()) {
        this.#ended.delete(oldest);
        break;
      }
    if (this.#transports.size === 0) this.#grace.allEnded();
  }

  #remembers(secret: string): boolean {
    const untilMs = this.#ended.get(secret);
    return untilMs !== undefined && untilMs > this.#dependencies.nowMs();
  }
}
