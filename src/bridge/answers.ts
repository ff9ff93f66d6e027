import type { HttpStatus } from '../telemetry/counters.js';
import type { HttpAnswer, HttpExchange, HttpHeaders } from '../transport/http/exchange.js';
import type { Uri } from '../wamp/ids.js';
import type { Dict } from '../wamp/options.js';
import { ErrorUri } from '../wamp/uris.js';
import { jsonBytes } from './json.js';
import type { Refusal } from './refusal.js';

const NO_STORE = ['Cache-Control', 'no-store'] as const;
/** Seconds for which a browser need not ask again. */
const PREFLIGHT_AGE = '600';

/** Lets the page read the answer, if pages of its origin may. */
export function bridgeCorsHeaders({ origin, isAllowedOrigin }: HttpExchange): HttpHeaders {
  if (origin === '' || !isAllowedOrigin) return [];
  return [
    ['Access-Control-Allow-Origin', origin],
    ['Vary', 'Origin'],
  ];
}

/** The answer to the question of a browser whether a page may send a request. */
export function preflight(exchange: HttpExchange, methods: readonly string[]): HttpAnswer {
  const headers = [
    ...bridgeCorsHeaders(exchange),
    ['Access-Control-Allow-Methods', methods.join(', ')] as const,
    ['Access-Control-Allow-Headers', 'Authorization, Content-Type, Last-Event-ID'] as const,
    ['Access-Control-Max-Age', PREFLIGHT_AGE] as const,
  ];
  return { status: '200', headers, body: '' };
}

export function jsonAnswer(
  exchange: HttpExchange,
  status: HttpStatus,
  value: Dict,
  headers: HttpHeaders = [],
): HttpAnswer {
  const body = jsonBytes(value) ?? '{"error":"wamp.error.invalid_argument","args":[],"kwargs":{}}';
  const type = ['Content-Type', 'application/json; charset=utf-8'] as const;
  return { status, headers: [...bridgeCorsHeaders(exchange), ...headers, type, NO_STORE], body };
}

export function refusalAnswer(exchange: HttpExchange, { status, message, headers }: Refusal): HttpAnswer {
  return jsonAnswer(exchange, status, { error: message, args: [], kwargs: {} }, headers);
}

const STATUS_BY_ERROR: Readonly<Record<string, HttpStatus>> = {
  [ErrorUri.NOT_AUTHORIZED]: '403',
  [ErrorUri.DISCLOSE_ME_DISALLOWED]: '403',
  [ErrorUri.OPTION_NOT_ALLOWED]: '400',
  [ErrorUri.INVALID_ARGUMENT]: '400',
  [ErrorUri.INVALID_URI]: '400',
  [ErrorUri.NO_SUCH_PROCEDURE]: '404',
  [ErrorUri.PAYLOAD_SIZE_EXCEEDED]: '413',
  [ErrorUri.LIMIT_EXCEEDED]: '429',
  [ErrorUri.AUTHORIZATION_FAILED]: '500',
  [ErrorUri.NETWORK_FAILURE]: '502',
  [ErrorUri.CANCELED]: '503',
  [ErrorUri.UNAVAILABLE]: '503',
  [ErrorUri.NO_AVAILABLE_CALLEE]: '503',
  [ErrorUri.MAX_CONCURRENCY_REACHED]: '503',
  [ErrorUri.TIMEOUT]: '504',
};

/** The status of an answer that carries a WAMP error. A call that took too long has one of its own in any case. */
export function errorStatus(error: Uri, mode: 'crossbar' | 'http'): HttpStatus {
  if (error === ErrorUri.TIMEOUT) return '504';
  if (mode === 'crossbar') return '200';
  return STATUS_BY_ERROR[error] ?? (error.startsWith('wamp.error.') ? '500' : '422');
}
