import { performance } from 'node:perf_hooks';
import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js';
import type { ConnectionRefusal, Counters } from '../../telemetry/counters.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Admission, ConnectionSlot } from '../bounds/admission.js';
import type { ConnectionTraits } from '../connection.js';
import { readClientCertificate, type ClientCertificate } from '../opening/client-certificate.js';
import { handshakeCookies, type HandshakeCookies } from '../opening/handshake-cookies.js';
import { handshakeFlaw, readRequestHead, type RequestHead } from '../opening/handshake.js';
import { textAnswer } from '../http/answers.js';
import type { HttpAnswer, HttpHeaders, HttpRoute } from '../http/exchange.js';
import { HttpRoutes } from '../http/routes.js';
import { securityHeaders } from '../http/security-headers.js';
import type { ListenerGate } from '../listener-gate.js';
import { originMatcher } from '../opening/origins.js';
import { pathsOf, pathVariants } from '../paths.js';
import { REFUSALS, type SilentRefusal, type TemporaryRefusal } from '../opening/refusals.js';
import { RemoteAddresses, type RemoteAddress } from '../opening/remote-address.js';
import type { SharedTransport } from '../shared-transport.js';
import { negotiate, subprotocolsOf, type Subprotocol } from '../opening/subprotocols.js';
import type { TransportOptions } from '../transport-options.js';
import type { UwsConnection } from './uws-connection.js';
import type { CertificateApp } from './uws-certificates.js';
import { UwsExchange } from './uws-exchange.js';
import { sendAnswer } from './uws-http.js';

/** The state that uWebSockets.js keeps with each WebSocket. */
export interface UserData {
  /** Undefined once the connection has them: the object would stay as long as the WebSocket. */
  traits: ConnectionTraits | undefined;
  readonly slot: ConnectionSlot;
  connection: UwsConnection | undefined;
}

type AnsweredRefusal = Exclude<ConnectionRefusal, SilentRefusal>;

/** The library ends a connection without a request after 10 s, by a clock that may be 2 s early. */
const REQUEST_TIMEOUT_MS = 7_500;

/** Methods where nothing else is configured. */
const READING: readonly string[] = ['GET', 'HEAD'];
/** Without a comma before "and". */
const LIST = new Intl.ListFormat('en-GB');

/** One request before its answer. */
interface PendingRequest {
  readonly response: HttpResponse;
  readonly head: RequestHead;
  readonly client: RemoteAddress;
  /** The other end of the connection is a proxy that is trusted. */
  readonly isProxied: boolean;
  readonly slot: ConnectionSlot;
  readonly method: string;
}

/**
 * Handles everything before a WebSocket opens: counts every connection from its accept to its end, answers HTTP
 * requests, and decides which opening handshakes succeed. Refusals are counted by reason.
 */
export class UwsAcceptor {
  readonly #options: TransportOptions;
  readonly #counters: Counters;
  readonly #logger: Logger;
  readonly #admission: Admission;
  readonly #shared: SharedTransport;
  readonly #gate: ListenerGate;
  readonly #addresses: RemoteAddresses;
  readonly #subprotocols: readonly Subprotocol[];
  #isAllowedOrigin: (origin: string) => boolean;
  readonly #closedFor: () => TemporaryRefusal | undefined;
  readonly #socketPaths: ReadonlySet<string>;
  readonly #standing: HttpHeaders;
  /** HTTP routes beside the WebSocket. */
  routes = new HttpRoutes([]);

  /** `closedFor`: why no WebSocket may open for now. */
  constructor(
    options: TransportOptions,
    shared: SharedTransport,
    gate: ListenerGate,
    closedFor: () => TemporaryRefusal | undefined,
  ) {
    this.#closedFor = closedFor;
    this.#options = options;
    this.#counters = shared.counters;
    this.#logger = shared.logger;
    this.#admission = shared.admission;
    this.#shared = shared;
    this.#gate = gate;
    this.#addresses = new RemoteAddresses(options);
    this.#subprotocols = subprotocolsOf(options.serializers);
    this.#isAllowedOrigin = originMatcher(options.allowedOrigins);
    this.#socketPaths = new Set(pathVariants(options.path));
    this.#standing = securityHeaders(options.tls !== undefined, options.hstsMaxAgeSeconds);
  }

  /** See UwsServer. */
  allowOrigins(origins: readonly string[]): void {
    this.#isAllowedOrigin = originMatcher(origins);
  }

  /** A connection was accepted. The library ends it when no complete request arrives within 10 s. */
  accepted(response: HttpResponse): void {
    const peer = this.#peer(response);
    const key = this.#addresses.isProxy(peer) ? undefined : peer.key;
    const refusal = this.#admission.arrived(key);
    if (refusal !== undefined) {
      this.#count(refusal, peer.text);
      response.close();
      return;
    }
    const sinceMs = performance.now();
    // The first request replaces this handler.
    response.onAborted(() => {
      this.#admission.left(key);
      // The client was too slow or has left; or the library refused the request by itself, without notice.
      this.#count(performance.now() - sinceMs > REQUEST_TIMEOUT_MS ? 'request_timeout' : 'no_request', peer.text);
    });
  }

  /** Handles an opening handshake, or what the library takes for one. */
  upgrade(response: HttpResponse, request: HttpRequest, context: us_socket_context_t): void {
    const pending = this.#pendingRequest(response, request);
    const { head } = pending;
    const subprotocol = this.#negotiate(head.subprotocols);
    const refusal = this.#refusal(pending) ?? (subprotocol === undefined ? 'subprotocol' : undefined);
    if (refusal !== undefined || subprotocol === undefined) {
      this.#refuse(pending, refusal ?? 'subprotocol');
      return;
    }
    const { cookie, hasLogin = () => Promise.resolve(false) } = this.#options;
    const cookies = cookie && handshakeCookies(head.cookie, cookie, hasLogin, this.#counters);
    if (cookies instanceof Promise) this.#openLater(pending, subprotocol, context, cookies);
    else this.#open(pending, subprotocol, context, cookies);
  }

  /** The slot of a client that has left meanwhile is free again. */
  #openLater(
    pending: PendingRequest,
    subprotocol: Subprotocol,
    context: us_socket_context_t,
    cookies: Promise<HandshakeCookies>,
  ): void {
    const { response, client, slot } = pending;
    let hasLeft = false;
    response.onAborted(() => {
      hasLeft = true;
      slot.release();
      this.#count('no_request', client.text);
    });
    void cookies.then((settled) => {
      if (hasLeft) return;
      const refusal = this.#closedFor();
      if (refusal !== undefined) this.#refuse(pending, refusal);
      else response.cork(() => this.#open(pending, subprotocol, context, settled));
    });
  }

  #open(
    pending: PendingRequest,
    subprotocol: Subprotocol,
    context: us_socket_context_t,
    cookies: HandshakeCookies | undefined,
  ): void {
    const { response, head, client, slot } = pending;
    const { serializer, isBatched } = subprotocol;
    const certificate = this.#certificate(pending);
    // The status must come first: without it the library would begin an ordinary answer.
    if (cookies !== undefined) response.writeStatus('101 Switching Protocols');
    for (const value of cookies?.headers ?? []) response.writeHeader('Set-Cookie', value);
    response.upgrade<UserData>(
      {
        traits: {
          transport: 'websocket',
          serializer,
          isBatched,
          remoteAddress: client.text,
          certificate,
          authMethods: this.#gate.authMethods,
          cookie: cookies?.cookie,
          isSecure: this.#options.tls !== undefined,
          headers: head.kept,
        },
        slot,
        connection: undefined,
      },
      head.key,
      head.subprotocols === '' ? '' : subprotocol.name,
      head.extensions,
      context,
    );
  }

  /**
   * Handles any other request: passes it to the route of its path, or answers with one sentence of plain text. `sockets`:
   * of the app that the request came to.
   */
  requested(response: HttpResponse, request: HttpRequest, sockets: CertificateApp['sockets']): void {
    const path = request.getUrl();
    const pending = this.#pendingRequest(response, request);
    const isSocketPath = this.#socketPaths.has(path);
    const route = isSocketPath ? undefined : this.routes.find(path);
    const methods = route?.methods ?? READING;
    const isCounted = route?.isCountedElsewhere !== true;
    const refusal = this.#headersRefusal(pending) ?? (isCounted ? this.#gate.admit(pending.slot) : undefined);
    if (refusal !== undefined) {
      this.#refuse(pending, refusal);
    } else if (!methods.includes(pending.method)) {
      const allow = [['Allow', methods.join(', ')]] as const;
      this.#answer(pending, textAnswer('405', `Only ${LIST.format(methods)} are answered here.`, allow));
    } else if (isSocketPath) {
      // The library takes no request for a handshake whose key has not 24 characters.
      this.#refuse(pending, handshakeFlaw(pending.head) ?? 'malformed_handshake');
    } else if (route === undefined) {
      this.#answer(pending, textAnswer('404', this.nothing));
    } else {
      const closedFor = route.isAlwaysOpen === true ? undefined : this.#closedFor();
      if (closedFor !== undefined) this.#refuse(pending, closedFor);
      else this.#begin(route, pending, request, sockets);
    }
  }

  /** The sentence at paths where there is nothing. */
  get nothing(): string {
    return `There is nothing here. The WAMP router answers WebSockets at ${pathsOf(this.#options.path).join(' or ')}.`;
  }

  #begin(route: HttpRoute, pending: PendingRequest, request: HttpRequest, sockets: CertificateApp['sockets']): void {
    const { response, head, client, isProxied, slot } = pending;
    const { counters, backlog, bodies } = this.#shared;
    sockets.count++;
    const ended = (): void => {
      sockets.count--;
      slot.release();
    };
    const exchange = new UwsExchange(
      response,
      request,
      { counters, backlog, bodies, standing: this.#standing, ended },
      {
        origin: head.origin,
        isAllowedOrigin: this.#isAllowedOrigin(head.origin),
        remoteAddress: client.text,
        addressKey: client.key,
        isProxied,
        hasTls: this.#options.tls !== undefined,
        certificate: this.#certificate(pending),
      },
    );
    void exchange.run(route, (error) => this.#logger.error({ reason: route.path, error }, 'http.failed'));
  }

  #pendingRequest(response: HttpResponse, request: HttpRequest): PendingRequest {
    const { clientCertificate, headersForAuthenticators: kept } = this.#options;
    const head = readRequestHead(request, { certificate: clientCertificate?.header, kept });
    const peer = this.#peer(response);
    const isProxy = this.#addresses.isProxy(peer);
    const client = isProxy ? this.#addresses.client(peer, head.forwardedFor) : peer;
    const slot = this.#admission.requested(isProxy ? undefined : peer.key, client.key);
    return { response, head, client, isProxied: isProxy, slot, method: request.getCaseSensitiveMethod() };
  }

  #certificate({ head, isProxied }: PendingRequest): ClientCertificate | undefined {
    const { clientCertificate } = this.#options;
    if (clientCertificate === undefined || !isProxied) return undefined;
    return readClientCertificate(head.certificate, clientCertificate.format);
  }

  #peer(response: HttpResponse): RemoteAddress {
    return this.#addresses.peer(Buffer.from(response.getRemoteAddressAsText()).toString('latin1'));
  }

  /** Undefined: the WebSocket may open. */
  #refusal(pending: PendingRequest): AnsweredRefusal | undefined {
    const { head, slot } = pending;
    const flaw = this.#closedFor() ?? this.#headersRefusal(pending) ?? handshakeFlaw(head);
    if (flaw !== undefined) return flaw;
    if (!this.#isAllowedOrigin(head.origin)) return 'origin';
    if (this.#negotiate(head.subprotocols) === undefined) return 'subprotocol';
    return this.#gate.admit(slot);
  }

  #headersRefusal({ head }: PendingRequest): 'header_bytes' | undefined {
    return head.bytes > this.#options.maxHeaderBytes ? 'header_bytes' : undefined;
  }

  #negotiate(offer: string): Subprotocol | undefined {
    if (offer === '' && !this.#options.requireSubprotocol)
      return this.#subprotocols.find(({ name }) => name === 'wamp.2.json');
    return negotiate(offer, this.#subprotocols);
  }

  #refuse(pending: PendingRequest, reason: AnsweredRefusal): void {
    const { head, client } = pending;
    this.#count(reason, client.text, head.origin);
    const { status, sentence, headers } = REFUSALS[reason];
    this.#answer(pending, textAnswer(status, `${sentence}${this.#addition(reason)}`, headers));
  }

  /** Further words for the sentence of a refusal. */
  #addition(reason: AnsweredRefusal): string {
    if (reason === 'subprotocol') return ` ${this.#subprotocols.map(({ name }) => name).join(', ')}.`;
    return reason === 'upgrade_required' ? ` ${pathsOf(this.#options.path).join(' or ')}.` : '';
  }

  #count(reason: ConnectionRefusal, remoteAddress: string, origin = ''): void {
    this.#gate.refused(reason);
    const fields = { reason, remoteAddress, ...(origin === '' ? {} : { origin }) };
    // Every port scanner and health check causes these: not worth a line.
    if (reason === 'no_request' || reason === 'upgrade_required') this.#logger.debug(fields, 'connection.refused');
    else this.#logger.info(fields, 'connection.refused');
  }

  #answer({ response, slot, method }: PendingRequest, answer: HttpAnswer): void {
    this.#counters.httpAnswers[answer.status]++;
    const sent = method === 'HEAD' ? { ...answer, isBodyLeftOut: true } : answer;
    sendAnswer(response, sent, this.#standing, () => slot.release());
  }
}
