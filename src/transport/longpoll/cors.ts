import type { HttpAnswer, HttpExchange, HttpHeaders } from '../http/exchange.js';

const MAX_AGE_SECONDS = 600;
/** Names of headers, separated by commas. */
const NAMES = /^[A-Za-z0-9-]{1,64}(\s*,\s*[A-Za-z0-9-]{1,64}){0,15}$/;

/** Headers of every answer: the browser passes it to the page of an allowed origin, and keeps no copy (LP-7). */
export function pollCorsHeaders({ origin }: Pick<HttpExchange, 'origin'>): HttpHeaders {
  const cache = ['Cache-Control', 'no-store'] as const;
  if (origin === '') return [cache];
  return [
    cache,
    ['Access-Control-Allow-Origin', origin],
    ['Access-Control-Allow-Credentials', 'true'],
    ['Vary', 'Origin'],
  ];
}

/** Answers the question of a browser before the request of a page of an allowed origin. */
export function preflightAnswer(exchange: HttpExchange): HttpAnswer {
  const asked = exchange.header('access-control-request-headers');
  return {
    status: '204',
    headers: [
      ...pollCorsHeaders(exchange),
      ['Access-Control-Allow-Methods', 'POST, OPTIONS'],
      ['Access-Control-Allow-Headers', NAMES.test(asked) ? asked : 'content-type'],
      ['Access-Control-Max-Age', String(MAX_AGE_SECONDS)],
    ],
    body: '',
  };
}
