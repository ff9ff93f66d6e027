import { request } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BodyFlaw } from '../../../src/transport/http/body-reader.js';
import { textAnswer } from '../../../src/transport/http/answers.js';
import type { HttpExchange, HttpRoute, HttpStream } from '../../../src/transport/http/exchange.js';
import type { TransportOptions } from '../../../src/transport/transport-options.js';
import { RawHttp } from '../../support/raw-http.js';
import { UwsScene } from '../../support/uws-scene.js';

let scene: UwsScene;
const raws: RawHttp[] = [];
afterEach(async () => {
  for (const { socket } of raws.splice(0)) socket.destroy();
  await scene.close();
});

/** The exchanges of the routes, in the order of their requests. */
let exchanges: HttpExchange[];

async function open(
  handle: HttpRoute['handle'],
  { methods = ['GET', 'POST'], ...options }: Partial<TransportOptions> & { methods?: string[] } = {},
): Promise<void> {
  exchanges = [];
  const recorded: HttpRoute = {
    path: '/r',
    match: 'prefix',
    methods,
    handle: (exchange) => {
      exchanges.push(exchange);
      return handle(exchange);
    },
  };
  scene = await UwsScene.open({ ...options, routes: [recorded] });
}

function raw(bytes: string | Buffer, options: { isReading?: boolean } = {}): RawHttp {
  const client = new RawHttp(scene.port, bytes, options);
  raws.push(client);
  return client;
}

async function sockets(count: number): Promise<void> {
  await vi.waitFor(() => expect(scene.shared.sockets.count).toBe(count), { timeout: 20_000, interval: 5 });
}

const url = (path: string): string => `http://127.0.0.1:${scene.port}${path}`;
const post = (headers: string, body = ''): string => `POST /r HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`;

/** Answers with the body, or with the status of its flaw. */
async function echo(exchange: HttpExchange): Promise<void> {
  const body = await exchange.readBody({ maxBytes: 1_000, timeoutMs: 60_000 });
  if (body instanceof Uint8Array) exchange.answer({ status: '200', headers: [], body });
  else exchange.answer(textAnswer(body.status, `${body.reason}: ${body.sentence}`));
}

describe('an HTTP exchange', () => {
  it('has what the client has sent, in a later turn as well', async () => {
    await open(
      async (exchange) => {
        await new Promise((resolve) => setImmediate(resolve));
        const { method, path, query, origin, isAllowedOrigin, remoteAddress, isSecure } = exchange;
        const seen = { method, path, query, origin, isAllowedOrigin, remoteAddress, isSecure };
        const headers = [exchange.header('x-twice'), exchange.header('x-none')];
        exchange.answer(textAnswer('200', JSON.stringify([seen, headers])));
      },
      { allowedOrigins: ['https://pages.example'] },
    );
    const reply = await raw(
      'GET /r/%2e%2e/x?a=%20b&c HTTP/1.1\r\nHost: x\r\nOrigin: https://other.example\r\nX-Twice: 1\r\nx-twice: 2\r\n\r\n',
    ).closed;
    expect(reply).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(reply.match(/^connection: close\r$/gim)).toHaveLength(1);
    expect(JSON.parse(reply.split('\r\n\r\n')[1]!)).toEqual([
      {
        method: 'GET',
        path: '/r/%2e%2e/x',
        query: 'a=%20b&c',
        origin: 'https://other.example',
        isAllowedOrigin: false,
        remoteAddress: '127.0.0.1',
        isSecure: false,
      },
      ['1,2', ''],
    ]);
    expect(scene.counters.httpAnswers).toMatchObject({ 200: 1 });
    await sockets(0);
  });

  it('is secure when a trusted proxy reports it', async () => {
    await open(() => undefined, { trustProxyHeader: 'x-forwarded-for', trustedProxies: ['127.0.0.1'] });
    raw('GET /r HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n');
    await vi.waitFor(() => expect(exchanges).toHaveLength(1));
    expect(exchanges[0]).toMatchObject({ isSecure: true, remoteAddress: '192.0.2.7', addressKey: '192.0.2.7' });
  });

  it('answers another method with 405, and HEAD without the body', async () => {
    await open((exchange) => exchange.answer(textAnswer('200', 'yes')), { methods: ['GET', 'HEAD', 'PUT'] });
    const reply = await raw('POST /r HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n').closed;
    expect(reply).toMatch(/^HTTP\/1\.1 405 .*^allow: GET, HEAD, PUT\r$/ims);
    expect(await raw('HEAD /r HTTP/1.1\r\nHost: x\r\n\r\n').closed).toMatch(/content-length: 4\r\n(.+\r\n)*\r\n$/i);
    expect(await raw('GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n').closed).toMatch(/^HTTP\/1\.1 404 /);
    expect(exchanges).toHaveLength(1);
  });

  it('answers 500 when its route fails, and logs the error', async () => {
    for (const handle of [
      () => {
        throw new Error('broken');
      },
      () => Promise.reject(new Error('broken')),
      async (exchange: HttpExchange) => {
        await exchange.readBody({ maxBytes: 10, timeoutMs: 60_000 });
        // Too late: the library has dropped the body.
        await exchange.readBody({ maxBytes: 10, timeoutMs: 60_000 });
      },
    ]) {
      await open(handle);
      expect(await raw(post('Content-Length: 1\r\n', 'x')).closed).toMatch(/^HTTP\/1\.1 500 /);
      expect(scene.log.lines.filter(({ event }) => event === 'http.failed')).toHaveLength(1);
      await sockets(0);
      await scene.close();
    }
    await open(() => undefined);
  });

  it('answers once', async () => {
    await open((exchange) => {
      exchange.answer(textAnswer('200', 'first'));
      expect(() => exchange.answer(textAnswer('200', 'second'))).toThrow('has its answer');
    });
    expect(await raw('GET /r HTTP/1.1\r\nHost: x\r\n\r\n').closed).toMatch(/first\n$/);
  });

  it('ends when its client leaves, and when it asks again before it has its answer', async () => {
    await open(() => undefined);
    const leaver = raw('GET /r HTTP/1.1\r\nHost: x\r\n\r\n');
    await vi.waitFor(() => expect(exchanges).toHaveLength(1));
    expect(exchanges[0]!.gone.aborted).toBe(false);
    leaver.socket.destroy();
    await vi.waitFor(() => expect(exchanges[0]!.gone.aborted).toBe(true));
    exchanges[0]!.answer(textAnswer('200', 'nobody reads this'));
    expect(scene.counters.httpAnswers['200']).toBe(0);

    const hasty = raw('GET /r HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5_000));
    expect(await hasty.closed).toBe('');
    expect(exchanges).toHaveLength(2);
    expect(exchanges[1]!.gone.aborted).toBe(true);
    await sockets(0);
  });

  it('counts as a connection while it is open', async () => {
    await open(() => undefined, { maxConnections: 1 });
    raw('GET /r HTTP/1.1\r\nHost: x\r\n\r\n');
    await vi.waitFor(() => expect(exchanges).toHaveLength(1));
    expect(await raw('GET /r HTTP/1.1\r\nHost: x\r\n\r\n').closed).toMatch(/^HTTP\/1\.1 503 /);
    exchanges[0]!.answer(textAnswer('200', 'done'));
    await sockets(0);
  });

  it('is refused while the node accepts no clients', async () => {
    await open((exchange) => exchange.answer(textAnswer('200', 'yes')), { maxMemoryBytes: 1 });
    await vi.waitFor(() => expect(scene.shared.closedFor(true)).toBe('memory'), { timeout: 5_000 });
    expect(await raw('GET /r HTTP/1.1\r\nHost: x\r\n\r\n').closed).toMatch(/^HTTP\/1\.1 503 .*retry-after/is);
    expect(scene.counters.connectionsRefused.memory).toBe(1);
  });
});

describe('the body of a request', () => {
  it.each([
    ['none', post(''), ''],
    ['of length 0', post('Content-Length: 0\r\n'), ''],
    ['of a length', post('Content-Length: 5\r\n', 'hello'), 'hello'],
    ['in chunks', post('Transfer-Encoding: chunked\r\n', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'), 'hello'],
    ['as large as allowed', post('Content-Length: 1000\r\n', 'x'.repeat(1_000)), 'x'.repeat(1_000)],
  ])('%s is read whole', async (_, bytes, expected) => {
    await open(echo);
    const reply = await raw(bytes).closed;
    expect(reply.slice(reply.indexOf('\r\n\r\n') + 4)).toBe(expected);
  });

  it('arrives byte by byte', async () => {
    await open(echo);
    const client = raw(post('Transfer-Encoding: chunked\r\n'));
    for (const byte of 'x'.repeat(700)) client.socket.write(`1\r\n${byte}\r\n`);
    client.socket.write('0\r\n\r\n');
    expect(await client.closed).toContain(`\r\n\r\n${'x'.repeat(700)}`);
  });

  it.each([
    ['two lengths', 'Content-Length: 1\r\nContent-Length: 1\r\n', '400 Bad Request'],
    ['two different lengths', 'Content-Length: 1\r\nContent-Length: 2\r\n', '400 Bad Request'],
    ['a length and chunks', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n', '400 Bad Request'],
    ['a negative length', 'Content-Length: -1\r\n', '400 Bad Request'],
    ['a length that is no number', 'Content-Length: 1e3\r\n', '400 Bad Request'],
    ['an enormous length', `Content-Length: ${'9'.repeat(40)}\r\n`, '400 Bad Request'],
    ['another encoding', 'Transfer-Encoding: gzip\r\n', '400 Bad Request'],
    ['too great a length', 'Content-Length: 300000\r\n', '413 Content Too Large'],
  ])('is refused with %s before it is read', async (_, headers, status) => {
    await open(echo);
    const reply = await raw(post(headers)).closed;
    expect(reply).toContain(`HTTP/1.1 ${status}`);
    await sockets(0);
  });

  it('that is too large is read to its end within a bound, so that its client gets the answer', async () => {
    await open(echo);
    const answer = await new Promise<string>((resolve, reject) => {
      const sending = request(url('/r'), { method: 'POST' }, (response) => {
        resolve(`${response.statusCode}`);
        response.resume();
      });
      sending.on('error', reject);
      sending.write(Buffer.alloc(600));
      sending.end(Buffer.alloc(200_000));
    });
    expect(answer).toBe('413');
    const endless = raw(post('Transfer-Encoding: chunked\r\n', `80000\r\n${'x'.repeat(0x80000)}`));
    await endless.closed;
    await vi.waitFor(() => expect(scene.counters.httpAnswers['413']).toBe(2));
    await sockets(0);
  });

  it('that does not come in time is refused', async () => {
    await open(async (exchange) => {
      const body = (await exchange.readBody({ maxBytes: 1_000, timeoutMs: 50 })) as BodyFlaw;
      exchange.answer(textAnswer(body.status, body.sentence));
    });
    const client = raw(post('Content-Length: 5\r\n', 'hel'));
    expect(await client.closed).toMatch(/^HTTP\/1\.1 408 .*within 50 ms/s);
    await sockets(0);
  });

  it('ends with its client', async () => {
    const outcomes: unknown[] = [];
    await open(async (exchange) => {
      outcomes.push(await exchange.readBody({ maxBytes: 1_000, timeoutMs: 60_000 }));
    });
    const client = raw(post('Content-Length: 5\r\n', 'hel'));
    await vi.waitFor(() => expect(exchanges).toHaveLength(1));
    client.socket.destroy();
    await vi.waitFor(() => expect(outcomes).toEqual([expect.objectContaining({ reason: 'gone' })]));
    await sockets(0);
  });

  it('counts in a bound on all bodies together, which is given back', async () => {
    await open(
      async (exchange) => {
        const body = await exchange.readBody({ maxBytes: 100_000, timeoutMs: 60_000 });
        exchange.answer(textAnswer(body instanceof Uint8Array ? '200' : body.status, 'x'));
      },
      { maxTotalBodyBytes: 100_000 },
    );
    for (let round = 0; round < 3; round++) {
      const before = exchanges.length;
      const first = raw(post('Content-Length: 90001\r\n', 'x'.repeat(90_000)));
      await vi.waitFor(() => expect(exchanges).toHaveLength(before + 1));
      await vi.waitFor(async () => {
        expect(await raw(post('Content-Length: 20000\r\n', 'x'.repeat(20_000))).closed).toMatch(/^HTTP\/1\.1 503 /);
      });
      first.socket.write('x');
      expect(await first.closed).toMatch(/^HTTP\/1\.1 200 /);
    }
    expect(scene.counters.limitsReached.total_body_bytes).toBeGreaterThanOrEqual(3);
  });
});

describe('an answer as a stream', () => {
  const FILLER = ':\n\n';
  let stream: HttpStream | undefined;

  async function openStream(maxUnsentBytes: number, options: Partial<TransportOptions> = {}): Promise<void> {
    await open((exchange) => {
      const headers = [['Content-Type', 'text/event-stream']] as const;
      stream = exchange.stream({ status: '200', headers, filler: FILLER, maxUnsentBytes });
    }, options);
  }

  const GET = 'GET /r HTTP/1.1\r\nHost: x\r\n\r\n';

  it('reaches the client piece by piece, and closes the connection at its end', async () => {
    await openStream(100_000);
    const response = await fetch(url('/r'));
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('connection')).toBe('close');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe(FILLER);
    expect(stream!.write('data: 1\n\n')).toBe(true);
    expect((await reader.read()).value).toBe('data: 1\n\n');
    expect(stream!.unsentBytes).toBe(0);
    stream!.end();
    stream!.end();
    expect(stream!.write('late')).toBe(false);
    expect((await reader.read()).done).toBe(true);
    expect(exchanges[0]!.gone.aborted).toBe(true);
    await sockets(0);
  });

  it('stays open while there is nothing to send', { timeout: 60_000 }, async () => {
    await openStream(100_000);
    // The library would close a connection to which nothing was written for 12 s.
    await raw(GET).until(`${FILLER}\r\n3\r\n`.repeat(4));
    expect(exchanges[0]!.gone.aborted).toBe(false);
  });

  it('keeps the order of what a slow client reads late, and all of it', async () => {
    await openStream(64_000_000);
    const client = raw(GET, { isReading: false });
    await vi.waitFor(() => expect(exchanges).toHaveLength(1));
    const lines = Array.from({ length: 200 }, (_, index) => `${index}:${'x'.repeat(100_000)}\n`);
    for (const line of lines) expect(stream!.write(line)).toBe(true);
    expect(stream!.unsentBytes).toBeGreaterThan(1_000_000);
    stream!.end();
    client.socket.resume();
    const reply = await client.closed;
    const numbers = [...reply.matchAll(/(\d+):x/g)].map(([, number]) => Number(number));
    expect(numbers).toEqual(lines.map((_, index) => index));
    expect(reply.match(/x/g)!.length).toBeGreaterThanOrEqual(200 * 100_000);
    await sockets(0);
  });

  it('cuts a client that lets more wait than it may', async () => {
    await openStream(1_000_000);
    const client = raw(GET, { isReading: false });
    await vi.waitFor(() => expect(exchanges).toHaveLength(1));
    let count = 0;
    while (stream!.write('x'.repeat(100_000)) && count < 1_000) count++;
    expect(count).toBeLessThan(1_000);
    expect(exchanges[0]!.gone.aborted).toBe(true);
    expect(stream!.unsentBytes).toBe(0);
    expect(scene.counters.limitsReached.unsent_bytes).toBe(1);
    client.socket.resume();
    await client.closed;
    await sockets(0);
  });

  it('counts in the bound on all bytes that wait for clients', async () => {
    await openStream(64_000_000, { maxTotalUnsentBytes: 1_000_000 });
    raw(GET, { isReading: false });
    await vi.waitFor(() => expect(exchanges).toHaveLength(1));
    let count = 0;
    while (stream!.write('x'.repeat(100_000)) && count < 1_000) count++;
    expect(count).toBeLessThan(1_000);
    expect(scene.shared.backlog.totalBytes).toBe(0);
    await sockets(0);
  });

  it('ends with its client, and begins for none that has left', async () => {
    await openStream(1_000_000);
    const client = raw(GET);
    await client.until(FILLER);
    client.socket.destroy();
    await vi.waitFor(() => expect(exchanges[0]!.gone.aborted).toBe(true));
    expect(stream!.write('x')).toBe(false);
    await sockets(0);
  });
});
