import type { Backplane } from '../../backplane/backplane.js';
import type { Config } from '../../config/schema.js';
import type { Accept } from '../../transport/connection.js';
import type { HasLogin } from '../../transport/opening/handshake-cookies.js';
import type { HttpRoute } from '../../transport/http/exchange.js';
import type { ListenerGate } from '../../transport/listener-gate.js';
import { PollRoutes } from '../../transport/longpoll/poll-routes.js';
import { PollServer } from '../../transport/longpoll/poll-server.js';
import { OVERLONG_FACTOR, type SharedTransport } from '../../transport/shared-transport.js';
import { subprotocolsOf } from '../../transport/opening/subprotocols.js';
import type { NodeId } from '../../wamp/ids.js';
import { PollRelay } from './poll-relay.js';
import { PollRelayAnswers } from './poll-relay-answers.js';
import { cookieOptions } from '../auth/shared-auth-methods.js';

export type PollBackplane = Pick<Backplane, 'node' | 'askNode' | 'isIsolated'>;

type Settings = Config['longPoll'];
/** The part of a WebSocket listener that counts for its long-poll too. */
type Rules = Pick<Config['listen'], 'serializers' | 'cookie' | 'tls' | 'headersForAuthenticators'>;

export interface LongPollDependencies {
  readonly backplane: PollBackplane;
  readonly hasLogin: HasLogin;
}

/** Long-poll of a node: the transports of all its listeners, and the way to those of other nodes. */
export class LongPoll {
  readonly server: PollServer;
  readonly #dependencies: LongPollDependencies;
  readonly #shared: SharedTransport;
  readonly #relay: PollRelay;
  readonly #answers: PollRelayAnswers;
  readonly #maxBodyBytes: number;

  constructor(config: Config, dependencies: LongPollDependencies, accept: Accept, shared: SharedTransport) {
    this.#dependencies = dependencies;
    this.#shared = shared;
    // A body somewhat too long is read, so that the client gets a clear ABORT.
    this.#maxBodyBytes = config.limits.maxMessageBytes * OVERLONG_FACTOR;
    this.server = new PollServer(accept, shared);
    this.#answers = new PollRelayAnswers(this.server, this.#maxBodyBytes);
    const { backplane } = dependencies;
    this.#relay = new PollRelay({ backplane, receiveTimeoutMs: longestPollMs(config) });
  }

  /** The route of one listener. Every listener passes on the requests of every transport. */
  routeAt(settings: Settings, rules: Rules, gate: ListenerGate): HttpRoute {
    const { backplane, hasLogin } = this.#dependencies;
    const { path, bodyTimeoutMs, receiveTimeoutMs, sessionTimeoutMs, maxReceiveBytes } = settings;
    return new PollRoutes({
      path,
      node: backplane.node,
      server: this.server,
      listener: this.server.listener(gate, { receiveTimeoutMs, sessionTimeoutMs, maxReceiveBytes }),
      homeOf: (node) => this.#relay.homeOf(node),
      counters: this.#shared.counters,
      subprotocols: subprotocolsOf(rules.serializers),
      cookie: rules.cookie && cookieOptions(rules.cookie, rules),
      hasLogin,
      isSecure: rules.tls !== undefined,
      keptHeaders: rules.headersForAuthenticators,
      maxBodyBytes: this.#maxBodyBytes,
      bodyTimeoutMs,
    }).route;
  }

  /** Answers a question of another node. Undefined: it is not about long-poll. */
  answer(from: NodeId, subject: string, body: unknown): Promise<unknown> | undefined {
    return this.#answers.answer(from, subject, body);
  }
}

/** The listener of a transport decides how long its polls wait; here it may be any listener of another node. */
function longestPollMs({ longPoll, listeners }: Config): number {
  const further = listeners.flatMap((one) => (one.type === 'websocket' ? (one.longPoll ?? []) : []));
  return Math.max(...[longPoll, ...further].map(({ receiveTimeoutMs }) => receiveTimeoutMs));
}
