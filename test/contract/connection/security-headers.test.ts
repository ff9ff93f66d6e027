import { request, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { textAnswer } from '../../../src/transport/http/answers.js';
import type { HttpRoute } from '../../../src/transport/http/exchange.js';
import type { TransportOptions } from '../../../src/transport/transport-options.js';
import { selfSignedFiles } from '../../support/certificate.js';
import { UwsScene } from '../../support/uws-scene.js';

const HSTS = 'strict-transport-security';
const NO_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const tls = selfSignedFiles();
let directory: string;
let scene: UwsScene;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-headers-'));
  writeFileSync(join(directory, 'index.html'), '<!doctype html>');
});
afterEach(() => scene.close());
afterAll(() => {
  rmSync(directory, { recursive: true });
  tls.remove();
});

const route = (path: string, handle: HttpRoute['handle']): HttpRoute => ({
  path,
  match: 'exact',
  methods: ['GET', 'OPTIONS'],
  handle,
});

async function open(options: Partial<TransportOptions> = {}): Promise<void> {
  scene = await UwsScene.open({
    sites: [{ directory }, { directory, path: '/below/', policy: "default-src 'self'" }],
    maxHeaderBytes: 2_000,
    allowedOrigins: ['https://pages.example'],
    routes: [
      route('/json', (exchange) =>
        exchange.answer({ status: '200', headers: [['content-type', 'application/json']], body: '{}' }),
      ),
      route('/own', (exchange) => exchange.answer(textAnswer('200', 'own', [['referrer-policy', 'same-origin']]))),
      route('/nothing', (exchange) => exchange.answer({ status: '204', headers: [], body: '' })),
      route('/fails', () => {
        throw new Error('this route fails');
      }),
      route('/stream', (exchange) => {
        const headers = [['Content-Type', 'text/event-stream']] as const;
        const stream = exchange.stream({ status: '200', headers, filler: ':\n', maxUnsentBytes: 1_000 });
        stream.write('data: 1\n\n');
        stream.end();
      }),
    ],
    ...options,
  });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

function ask(path: string, options: RequestOptions = {}): Promise<Answer> {
  const url = scene.url(path).replace(/^ws/, 'http');
  return new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage): void => {
      response.resume();
      // A stream ends without a mark of its end.
      response.on('error', () => undefined);
      response.on('close', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
    };
    const isTls = url.startsWith('https');
    const sent = isTls
      ? tlsRequest(url, { ...options, rejectUnauthorized: false }, answered)
      : request(url, options, answered);
    sent.on('error', reject).end();
  });
}

const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
const key = { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };

const KINDS: [kind: string, status: number, path: string, options?: RequestOptions][] = [
  ['the page of a site', 200, '/'],
  ['a question for a page', 200, '/', { method: 'HEAD' }],
  ['a path without a page', 404, '/missing'],
  ['a folder without its slash', 308, '/below'],
  ['a method that is not answered', 405, '/', { method: 'DELETE' }],
  ['a request without a WebSocket', 426, '/ws'],
  ['a handshake without a key', 400, '/ws', { headers: upgrade }],
  ['a handshake without a sub-protocol', 400, '/ws', { headers: { ...upgrade, ...key } }],
  ['a page of another origin', 403, '/ws', { headers: { ...upgrade, ...key, Origin: 'https://other.example' } }],
  ['headers that are too large', 431, '/', { headers: { cookie: 'x'.repeat(3_000) } }],
  ['JSON', 200, '/json'],
  ['an answer without content', 204, '/nothing'],
  ['a route that fails', 500, '/fails'],
  ['a stream', 200, '/stream'],
];

describe('security headers', () => {
  it.each(KINDS)('are in the answer for %s, with TLS and without', async (_, status, path, options) => {
    for (const withTls of [false, true]) {
      await open(withTls ? { tls } : {});
      const answer = await ask(path, options);
      expect(answer.status).toBe(status);
      expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
      expect(answer.headers['content-security-policy']).toMatch(/default-src '(none|self)'/);
      expect(answer.headers[HSTS]).toBe(withTls ? 'max-age=31536000' : undefined);
      if (!withTls) await scene.close();
    }
  });

  it('are there when the router has as many connections as it may', async () => {
    await open({ maxConnections: 0 });
    const full = await ask('/');
    expect([full.status, full.headers['content-security-policy']]).toEqual([503, NO_PAGE]);
  });

  it('keep the policy of a site, and what a route sends itself', async () => {
    await open();
    expect((await ask('/below/')).headers['content-security-policy']).toBe("default-src 'self'");
    expect((await ask('/json')).headers['content-security-policy']).toBe(NO_PAGE);
    const { headers } = await ask('/own');
    expect([headers['referrer-policy'], headers['x-content-type-options']]).toEqual(['same-origin', 'nosniff']);
  });

  it('have another time with TLS, or none, as the listener has it', async () => {
    await open({ tls, hstsMaxAgeSeconds: 60 });
    expect((await ask('/')).headers[HSTS]).toBe('max-age=60');
    await scene.close();
    await open({ tls, hstsMaxAgeSeconds: 0 });
    expect((await ask('/')).headers[HSTS]).toBeUndefined();
  });

  it('have a time only where the listener itself has TLS: a proxy sends its own', async () => {
    await open({ trustProxyHeader: 'x-forwarded-for' });
    const { headers } = await ask('/', { headers: { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.7' } });
    expect(headers[HSTS]).toBeUndefined();
  });
});
