import { withoutSlash } from '../../util/without-slash.js';
import type { NodeId } from '../../wamp/ids.js';
import type { SerializerId } from '../../wamp/payload.js';
import type { CookieOptions } from '../opening/cookies.js';
import { handshakeCookies, type HasLogin } from '../opening/handshake-cookies.js';
import type { ConnectionRefusal, Counters } from '../../telemetry/counters.js';
import { textAnswer } from '../http/answers.js';
import type { HttpExchange, HttpHeaders, HttpRoute } from '../http/exchange.js';
import { REFUSALS } from '../opening/refusals.js';
import { negotiate, type Subprotocol } from '../opening/subprotocols.js';
import { pollCorsHeaders, preflightAnswer } from './cors.js';
import type { PollHome, SendOutcome } from './poll-home.js';
import type { PollListener, PollServer } from './poll-server.js';
import type { PollAnswer } from './poll-socket.js';
import { formatTransportId, parseTransportId, type TransportId } from './transport-id.js';

export interface PollRoutesOptions {
  readonly path: string;
  readonly node: NodeId;
  readonly server: PollServer;
  /** The listener that has these routes. */
  readonly listener: PollListener;
  /** Any other node. */
  readonly homeOf: (node: NodeId) => PollHome;
  readonly counters: Pick<Counters, 'longPollRequests' | 'cookieLookups'>;
  readonly subprotocols: readonly Subprotocol[];
  /** Absent: no cookie is set or read. */
  readonly cookie: CookieOptions | undefined;
  readonly hasLogin: HasLogin;
  /** The listener itself has TLS. */
  readonly isSecure: boolean;
  /** Headers of `open` that authenticators receive, in lower case. */
  readonly keptHeaders: readonly string[];
  /** Bytes of the body of a `send`. */
  readonly maxBodyBytes: number;
  /** Milliseconds for the body of a request. */
  readonly bodyTimeoutMs: number;
}

interface Operation {
  readonly name: 'receive' | 'send' | 'close';
  readonly id: TransportId;
}

const CONTENT_TYPES: Readonly<Record<SerializerId, string>> = {
  json: 'application/json; charset=utf-8',
  msgpack: 'application/x-msgpack',
  cbor: 'application/cbor',
};
const OPEN_BODY_BYTES = 4_096;
const OPERATION = /^\/([^/]{1,200})\/(receive|send|close)\/?$/;
const STATUS_OF = { unknown: '404', too_large: '413', unreachable: '503' } as const;
const SENTENCE_OF = {
  unknown: 'There is no such transport, or not any more: open another.',
  too_large: 'The message is too long (limits.maxMessageBytes).',
  unreachable: 'The node of this transport cannot be reached now: open another.',
} as const;

/** The HTTP side of long-poll: `open` at the path, `receive`, `send` and `close` below the id of a transport. */
export class PollRoutes {
  readonly #options: PollRoutesOptions;
  readonly #path: string;

  constructor(options: PollRoutesOptions) {
    this.#options = options;
    this.#path = withoutSlash(options.path);
  }

  get route(): HttpRoute {
    return {
      path: this.#path,
      match: 'prefix',
      methods: ['POST', 'OPTIONS'],
      isAlwaysOpen: true,
      isCountedElsewhere: true,
      handle: (exchange) => this.#handle(exchange),
    };
  }

  #handle(exchange: HttpExchange): void | Promise<void> {
    if (!exchange.isAllowedOrigin) {
      this.#refused('origin', exchange);
      exchange.answer(textAnswer('403', REFUSALS.origin.sentence));
      return;
    }
    if (exchange.method === 'OPTIONS') {
      exchange.answer(preflightAnswer(exchange));
      return;
    }
    const rest = exchange.path.slice(this.#path.length);
    if (rest === '/open' || rest === '/open/') return this.#open(exchange);
    const operation = operationOf(rest);
    if (operation === undefined) {
      this.#refuse(exchange, 'unknown');
      return;
    }
    const { name, id } = operation;
    const { node, counters, server, homeOf } = this.#options;
    const isHere = id.home === node;
    counters.longPollRequests[`${name},${isHere ? 'here' : 'elsewhere'}`]++;
    const home = isHere ? server : homeOf(id.home);
    if (name === 'receive') this.#receive(exchange, home, id);
    else return name === 'send' ? this.#send(exchange, home, id) : this.#close(exchange, home, id);
  }

  async #open(exchange: HttpExchange): Promise<void> {
    const body = await exchange.readBody({ maxBytes: OPEN_BODY_BYTES, timeoutMs: this.#options.bodyTimeoutMs });
    if (hasLeft(exchange)) return;
    if (!(body instanceof Uint8Array)) {
      this.#sentence(exchange, body.status, body.sentence);
      return;
    }
    const subprotocol = this.#negotiate(body);
    if (subprotocol === undefined) {
      this.#refused('subprotocol', exchange);
      const names = this.#options.subprotocols.map(({ name }) => name).join(', ');
      this.#sentence(exchange, '400', `The body must be JSON, {"protocols": […]}, with one of: ${names}.`);
      return;
    }
    const { remoteAddress, addressKey, certificate } = exchange;
    const { cookie: options, hasLogin, counters, isSecure } = this.#options;
    const cookies = options && (await handshakeCookies(exchange.header('cookie'), options, hasLogin, counters));
    if (hasLeft(exchange)) return;
    const headersKept = this.#keptHeaders(exchange);
    const cookie = cookies?.cookie;
    const traits = { remoteAddress, certificate, cookie, isSecure, headers: headersKept };
    const opened = this.#options.server.open({ ...traits, subprotocol, addressKey }, this.#options.listener);
    if (opened.kind === 'refused') {
      this.#refused(opened.reason, exchange);
      const { status, sentence, headers } = REFUSALS[opened.reason];
      this.#sentence(exchange, status, sentence, headers);
      return;
    }
    const transport = formatTransportId({ home: this.#options.node, secret: opened.secret });
    const headers = (cookies?.headers ?? []).map((value) => ['Set-Cookie', value] as const);
    exchange.answer({
      status: '200',
      headers: [...headers, ...pollCorsHeaders(exchange), ['Content-Type', 'application/json; charset=utf-8']],
      body: JSON.stringify({ protocol: subprotocol.name, transport }),
    });
  }

  #refused(reason: ConnectionRefusal, { remoteAddress, origin }: HttpExchange): void {
    const { server, listener } = this.#options;
    server.refused(reason, remoteAddress, origin, listener);
  }

  #keptHeaders(exchange: HttpExchange): Readonly<Record<string, string>> | undefined {
    const kept = this.#options.keptHeaders.filter((name) => exchange.headers.has(name));
    return kept.length === 0 ? undefined : Object.fromEntries(kept.map((name) => [name, exchange.header(name)]));
  }

  #receive(exchange: HttpExchange, home: PollHome, { secret }: TransportId): void {
    const leave = home.receive(secret, (answer) => this.#answer(exchange, answer));
    exchange.gone.addEventListener('abort', leave, { once: true });
  }

  #answer(exchange: HttpExchange, answer: PollAnswer): void {
    if (answer.kind === 'unknown') this.#refuse(exchange, 'unknown');
    else if (answer.kind === 'none') this.#nothing(exchange);
    else {
      const headers = [...pollCorsHeaders(exchange), ['Content-Type', CONTENT_TYPES[answer.serializer]]] as const;
      const ended = (isWritten: boolean): void => answer.settle(isWritten ? 'written' : 'unwritten');
      exchange.answer({ status: '200', headers, body: answer.bytes }, ended);
    }
  }

  async #send(exchange: HttpExchange, home: PollHome, { secret }: TransportId): Promise<void> {
    const { maxBodyBytes, bodyTimeoutMs } = this.#options;
    const body = await exchange.readBody({ maxBytes: maxBodyBytes, timeoutMs: bodyTimeoutMs });
    if (hasLeft(exchange)) return;
    if (body instanceof Uint8Array) this.#settle(exchange, await home.send(secret, body));
    else if (body.reason === 'too_large') {
      home.overlong(secret);
      this.#refuse(exchange, 'too_large');
    } else this.#sentence(exchange, body.status, body.sentence);
  }

  async #close(exchange: HttpExchange, home: PollHome, { secret }: TransportId): Promise<void> {
    this.#settle(exchange, await home.close(secret));
  }

  #settle(exchange: HttpExchange, outcome: SendOutcome): void {
    if (outcome === 'taken') this.#nothing(exchange);
    else this.#refuse(exchange, outcome);
  }

  #refuse(exchange: HttpExchange, outcome: Exclude<SendOutcome, 'taken'>): void {
    this.#sentence(exchange, STATUS_OF[outcome], SENTENCE_OF[outcome]);
  }

  #sentence(
    exchange: HttpExchange,
    status: Parameters<typeof textAnswer>[0],
    sentence: string,
    headers: HttpHeaders = [],
  ): void {
    exchange.answer(textAnswer(status, sentence, [...headers, ...pollCorsHeaders(exchange)]));
  }

  #nothing(exchange: HttpExchange): void {
    exchange.answer({ status: '204', headers: pollCorsHeaders(exchange), body: '' });
  }

  #negotiate(body: Uint8Array): Subprotocol | undefined {
    let offer: unknown;
    try {
      offer = JSON.parse(Buffer.from(body).toString()) as unknown;
    } catch {
      return undefined;
    }
    const protocols = typeof offer === 'object' && offer !== null && 'protocols' in offer ? offer.protocols : undefined;
    if (!Array.isArray(protocols)) return undefined;
    const names = protocols.filter((name): name is string => typeof name === 'string');
    return negotiate(names.join(','), this.#options.subprotocols);
  }
}

function operationOf(rest: string): Operation | undefined {
  const [, text = '', name] = OPERATION.exec(rest) ?? [];
  const id = parseTransportId(text);
  return id === undefined ? undefined : { name: name as Operation['name'], id };
}

function hasLeft({ gone }: HttpExchange): boolean {
  return gone.aborted;
}
