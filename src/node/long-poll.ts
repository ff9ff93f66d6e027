import type { Backplane } from '../backplane/backplane.js';
import type { Config } from '../config/schema.js';
import type { Accept } from '../transport/connection.js';
import type { HasLogin } from '../transport/handshake-cookies.js';
import type { HttpRoute } from '../transport/http/exchange.js';
import type { ListenerGate } from '../transport/listener-gate.js';
import { PollRoutes } from '../transport/longpoll/poll-routes.js';
import { PollServer } from '../transport/longpoll/poll-server.js';
import { OVERLONG_FACTOR, type SharedTransport } from '../transport/shared-transport.js';
import { subprotocolsOf } from '../transport/subprotocols.js';
import type { NodeId } from '../wamp/ids.js';
import { PollRelay } from './poll-relay.js';
import { PollRelayAnswers } from './poll-relay-answers.js';
import { cookieOptions } from './shared-auth-methods.js';

export type PollBackplane = Pick<Backplane, 'node' | 'askNode' | 'isIsolated'>;

export interface LongPollDependencies {
  readonly backplane: PollBackplane;
  readonly hasLogin: HasLogin;
  /** The gate of `listen`. */
  readonly gate: ListenerGate;
}

/** Long-poll of a node: its transports, and the way to those of other nodes. */
export class LongPoll {
  readonly server: PollServer;
  readonly route: HttpRoute;
  readonly #answers: PollRelayAnswers;

  constructor(
    { longPoll, listen, limits }: Config,
    { backplane, hasLogin, gate }: LongPollDependencies,
    accept: Accept,
    shared: SharedTransport,
  ) {
    const { path, bodyTimeoutMs, receiveTimeoutMs } = longPoll;
    // A body somewhat too long is read, so that the client gets a clear ABORT.
    const maxBodyBytes = limits.maxMessageBytes * OVERLONG_FACTOR;
    this.server = new PollServer(longPoll, accept, shared, gate);
    this.#answers = new PollRelayAnswers(this.server, maxBodyBytes);
    const relay = new PollRelay({ backplane, receiveTimeoutMs });
    this.route = new PollRoutes({
      path,
      node: backplane.node,
      server: this.server,
      homeOf: (node) => relay.homeOf(node),
      counters: shared.counters,
      subprotocols: subprotocolsOf(listen.serializers),
      cookie: listen.cookie && cookieOptions(listen.cookie, listen),
      hasLogin,
      isSecure: listen.tls !== undefined,
      keptHeaders: listen.headersForAuthenticators,
      maxBodyBytes,
      bodyTimeoutMs,
    }).route;
  }

  /** Answers a question of another node. Undefined: it is not about long-poll. */
  answer(from: NodeId, subject: string, body: unknown): Promise<unknown> | undefined {
    return this.#answers.answer(from, subject, body);
  }
}
