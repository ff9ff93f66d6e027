import { createHash, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { newCookie } from '../../../src/transport/opening/cookies.js';
import { cleanups } from '../../support/cluster.js';
import { RawHttp } from '../../support/raw-http.js';
import { UwsScene } from '../../support/uws-scene.js';

const COOKIE = { name: 'login', sameSite: 'lax', secure: false, maxAgeSeconds: 60 } as const;
const later = cleanups();

/** A server whose lookups of cookies wait for the test. */
async function scene() {
  const waiting: ((hasLogin: boolean) => void)[] = [];
  const hasLogin = (): Promise<boolean> => new Promise((resolve) => waiting.push(resolve));
  const server = await UwsScene.open({ cookie: COOKIE, hasLogin, maxConnections: 1 });
  later(() => server.close());
  const key = randomBytes(16).toString('base64');
  const headers = ['Host: a', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${key}`];
  const request = ['GET /ws HTTP/1.1', ...headers, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Protocol: wamp.2.json'];
  const open = (cookie: string): RawHttp =>
    new RawHttp(server.port, [...request, `Cookie: ${cookie}`, '', ''].join('\r\n'));
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return { server, waiting, open, accept };
}

it('opens a WebSocket once the store has answered, with both cookies', async () => {
  const { server, waiting, open, accept } = await scene();
  const [first, second] = [newCookie(), newCookie()];
  const client = open(`login=${first}; login-next=${second}`);
  await expect.poll(() => waiting.length).toBe(1);
  expect(server.listeners).toHaveLength(0);
  waiting[0]!(true);
  const answer = await client.until('\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1.1 101 /);
  expect(server.counters.cookieLookups).toEqual({ answered: 1, timeout: 0, failed: 0 });
  expect(answer).toContain(`Sec-WebSocket-Accept: ${accept}`);
  expect(answer).toContain(`Set-Cookie: login=${second}; `);
  expect(answer.match(/Set-Cookie: login-next=[A-Za-z0-9_-]{43}; /g)).toHaveLength(1);
  await expect.poll(() => server.listeners.length).toBe(1);
  client.socket.destroy();
});

it('gives the place of a client back that leaves while the store is asked, and opens nothing for it', async () => {
  const { server, waiting, open } = await scene();
  const cookie = `login-next=${newCookie()}`;
  const gone = open(cookie);
  await expect.poll(() => waiting.length).toBe(1);
  gone.socket.destroy();
  await expect.poll(() => server.counters.connectionsRefused.no_request).toBe(1);
  waiting[0]!(true);
  // Only one client may be connected.
  const next = open(cookie);
  await expect.poll(() => waiting.length).toBe(2);
  waiting[1]!(false);
  expect(await next.until('\r\n\r\n')).toMatch(/^HTTP\/1.1 101 /);
  await expect.poll(() => server.listeners.length).toBe(1);
  next.socket.destroy();
});

it('refuses a client whose server stops listening while the store is asked', async () => {
  const { server, waiting, open } = await scene();
  const client = open(`login-next=${newCookie()}`);
  await expect.poll(() => waiting.length).toBe(1);
  server.server.stopListening();
  waiting[0]!(true);
  expect(await client.closed).toMatch(/^HTTP\/1.1 503 /);
});
