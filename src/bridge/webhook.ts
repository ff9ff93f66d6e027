import { payloadOf } from '../codec/payload.js';
import type { BridgeOutcome } from '../telemetry/counters.js';
import { textAnswer } from '../transport/http/answers.js';
import type { HttpExchange } from '../transport/http/exchange.js';
import { Code } from '../wamp/codes.js';
import type { Publish } from '../wamp/messages.js';
import { PUBLISH_TIMEOUT_MS, sendOne, type RequestEnd } from './one-request.js';
import { badRequest, isRefusal, type Refusal } from './refusal.js';
import { REQUEST } from './request.js';
import { HTTP_PROVIDER, type WebhookOptions } from './service.js';
import { ServiceRoute } from './service-route.js';
import { signatureFlaw } from './webhook-signature.js';

const OPTIONS = { acknowledge: true, excludeMe: true, discloseMe: false } as const;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The service `webhook`: publishes the body of each request to one topic. */
export class WebhookService extends ServiceRoute<WebhookOptions> {
  override readonly methods = ['POST'];

  protected override async carryOut(exchange: HttpExchange): Promise<RequestEnd> {
    const body = await this.body(exchange);
    if (isRefusal(body)) return body;
    const { signature, timestampDeltaMs: deltaMs, authid, role } = this.service;
    const nowMs = this.dependencies.wallMs();
    const flaw = signature === undefined ? undefined : signatureFlaw(exchange, body, signature, { nowMs, deltaMs });
    if (flaw !== undefined) return flaw;
    const text = textOf(body);
    if (text === undefined) return badRequest('The body must be UTF-8.');
    // In JSON it would mean bytes (SER-3).
    if (text.startsWith('\0')) return badRequest('The body must not begin with U+0000.');
    const realm = await this.realm();
    if (isRefusal(realm)) return realm;
    const principal = { authid, authrole: role, authprovider: HTTP_PROVIDER };
    const { counters, logger } = this.dependencies;
    const identity = { principal, authmethod: 'webhook' };
    const message = this.#message(exchange, text);
    return sendOne(message, { exchange, realm, identity, timeoutMs: PUBLISH_TIMEOUT_MS, counters, logger });
  }

  protected override answer(exchange: HttpExchange, end: Exclude<RequestEnd, Refusal>): BridgeOutcome {
    const isPublished = end[0] === Code.PUBLISHED;
    const { successResponse, errorResponse } = this.service;
    exchange.answer(isPublished ? textAnswer('202', successResponse) : textAnswer('500', errorResponse));
    return isPublished ? 'done' : 'error';
  }

  protected override refused(exchange: HttpExchange, { status, message }: Refusal): void {
    exchange.answer(textAnswer(status, message));
  }

  /** Only headers that the configuration lists: others hold credentials. */
  #message(exchange: HttpExchange, body: string): Publish {
    const { topic, publishedHeaders } = this.service;
    const headers = Object.fromEntries(
      publishedHeaders.flatMap((name) =>
        exchange.headers.has(name) ? [[name, [exchange.header(name)]] as const] : [],
      ),
    );
    return [Code.PUBLISH, REQUEST, OPTIONS, topic, payloadOf([{ headers, body }])];
  }
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return UTF8.decode(body);
  } catch {
    return undefined;
  }
}
