import { BackplaneUnavailableError } from '../backplane/backplane.js';
import type { HttpExchange } from '../transport/http/exchange.js';
import type { Uri } from '../wamp/ids.js';
import { isRefusal, refusal, type Refusal } from './refusal.js';
import { HTTP_PROVIDER, type BridgeDependencies, type RequestIdentity, type ServiceOptions } from './service.js';
import { checkSignature, isSigned, type SignedRequest } from './signature.js';
import { transportOf } from './http-session.js';

/** Signatures do not cover the realm: a request that one service has carried out is known to all of them. */
const REPLAY_REALM: Uri = 'gantry.http';
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;
const CHALLENGE = [['WWW-Authenticate', 'Bearer']] as const;

/** Decides who has sent a request: a signature, a token, or nobody in particular where the service asks for neither. */
export class RequestAuthenticator {
  readonly #service: ServiceOptions;
  readonly #dependencies: BridgeDependencies;

  constructor(service: ServiceOptions, dependencies: BridgeDependencies) {
    this.#service = service;
    this.#dependencies = dependencies;
  }

  async identify(exchange: HttpExchange, body: Uint8Array): Promise<RequestIdentity | Refusal> {
    const { keys, bearer, requireTls, role, authid } = this.#service;
    if (requireTls && !exchange.isSecure) return refusal('400', 'bad_request', 'This service needs TLS: use https.');
    if (bearer && exchange.header('authorization') !== '') return this.#byToken(exchange);
    if (keys.length > 0 && (!bearer || isSigned(exchange.query))) return this.#bySignature(exchange, body);
    if (bearer)
      return refusal('401', 'unauthorized', 'This service needs a token: "Authorization: Bearer …".', CHALLENGE);
    return { principal: { authid, authrole: role, authprovider: HTTP_PROVIDER }, authmethod: 'http' };
  }

  async #bySignature(exchange: HttpExchange, body: Uint8Array): Promise<RequestIdentity | Refusal> {
    const { keys, timestampDeltaMs: deltaMs, role } = this.#service;
    const signed = checkSignature(exchange.query, body, keys, { nowMs: this.#dependencies.wallMs(), deltaMs });
    if (isRefusal(signed)) return signed;
    const flaw = await this.#replayed(signed);
    if (flaw !== undefined) return flaw;
    const { key } = signed;
    const principal = { authid: key.authid ?? key.key, authrole: key.role ?? role, authprovider: HTTP_PROVIDER };
    return { principal, authmethod: 'http-signature' };
  }

  /** Remembers the request for as long as its timestamp is valid, for all nodes. */
  async #replayed({ digest }: SignedRequest): Promise<Refusal | undefined> {
    const name = { kind: 'request', name: digest.toString('base64url') } as const;
    try {
      const [count] = await this.#dependencies.store.add(REPLAY_REALM, [name], 1, 2 * this.#service.timestampDeltaMs);
      return count === 1 ? undefined : refusal('401', 'replayed', 'This request was sent before: sign it anew.');
    } catch (error) {
      if (!(error instanceof BackplaneUnavailableError)) throw error;
      return refusal('503', 'unavailable', 'The router cannot check whether this request was sent before. Try again.');
    }
  }

  async #byToken(exchange: HttpExchange): Promise<RequestIdentity | Refusal> {
    const [, token] = BEARER.exec(exchange.header('authorization')) ?? [];
    const { realm } = this.#service;
    const { authMethodsOf, authenticators } = this.#dependencies;
    const method = authMethodsOf(realm).find(({ name }) => name === 'jwt');
    const denied = refusal('401', 'unauthorized', 'The token is not valid here.', CHALLENGE);
    if (token === undefined || method === undefined) return denied;
    const begun = await method.begin({
      realm,
      details: { authmethods: ['jwt'], features: {} },
      remoteAddress: exchange.remoteAddress,
      transport: transportOf(exchange),
      session: () => {
        throw new Error('a token is not bound to a session');
      },
      authenticators,
      signal: exchange.gone,
    });
    const step = begun.kind === 'challenge' ? await begun.answer(token, {}) : begun;
    if (step.kind === 'granted') return { principal: step.principal, authmethod: 'jwt' };
    return step.kind === 'postponed' ? refusal('503', 'unavailable', step.reason.message) : denied;
  }
}
