import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StaticSite } from '../../../src/transport/static-site.js';
import { UwsScene } from '../../support/uws-scene.js';

let root: string;
let directory: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-site-'));
  directory = join(root, 'public');
  mkdirSync(join(directory, 'assets'), { recursive: true });
  writeFileSync(join(root, 'secret.txt'), 'SECRET');
  writeFileSync(join(directory, 'index.html'), '<!doctype html>');
  writeFileSync(join(directory, '.env'), 'SECRET');
  writeFileSync(join(directory, 'assets', 'app.js'), 'void 0;');
  symlinkSync(join(root, 'secret.txt'), join(directory, 'link.txt'));
  symlinkSync(root, join(directory, 'up'));
});
afterAll(() => rmSync(root, { recursive: true }));

describe('static site', () => {
  let scene: UwsScene;
  beforeEach(async () => {
    scene = await UwsScene.open({ sites: [{ directory }] });
  });
  afterEach(() => scene.close());

  const get = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${scene.port}${path}`, init);

  it('serves the files of its directory, index.html for the directory itself', async () => {
    for (const path of ['/', '/index.html', '/?query=1']) {
      const response = await get(path);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(await response.text()).toBe('<!doctype html>');
    }
    const script = await get('/assets/app.js');
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(await script.text()).toBe('void 0;');
  });

  it('sends headers that keep foreign scripts out', async () => {
    const { headers } = await get('/');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('cache-control')).toBe('no-cache');
  });

  it('serves a second site below a path of its own, with its own policy', async () => {
    await scene.close();
    const below = { directory: join(directory, 'assets'), path: '/below/', policy: "default-src 'none'" };
    scene = await UwsScene.open({ sites: [{ directory }, below] });
    const script = await get('/below/app.js');
    expect([script.status, script.headers.get('content-security-policy')]).toEqual([200, "default-src 'none'"]);
    expect((await get('/')).headers.get('content-security-policy')).toContain("default-src 'self'");
    for (const path of ['/below/', '/below/index.html', '/below/../index.html.txt', '/belowapp.js'])
      expect((await get(path)).status, path).toBe(404);
    const moved = await get('/below', { redirect: 'manual' });
    expect([moved.status, moved.headers.get('location')]).toEqual([308, 'below/']);
  });

  it('answers 304 to who knows the page', async () => {
    const etag = (await get('/')).headers.get('etag')!;
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const response = await get('/', { headers: { 'if-none-match': tag } });
      expect(response.status).toBe(304);
      expect(await response.text()).toBe('');
    }
    expect((await get('/', { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
    expect((await get('/assets/app.js')).headers.get('etag')).not.toBe(etag);
  });

  it('answers HEAD without a body', async () => {
    for (const [path, status] of [
      ['/', 200],
      ['/nothing', 404],
    ] as const) {
      const response = await get(path, { method: 'HEAD' });
      expect(response.status).toBe(status);
      expect(Number(response.headers.get('content-length'))).toBeGreaterThan(10);
      expect(await response.text()).toBe('');
    }
  });

  it('sends a large page in pieces, whole', async () => {
    const body = randomBytes(3_000_001);
    writeFileSync(join(directory, 'large.bin'), body);
    await scene.close();
    scene = await UwsScene.open({ sites: [{ directory }] });
    rmSync(join(directory, 'large.bin'));
    const response = await get('/large.bin');
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
    expect((await get('/large.bin', { method: 'HEAD' })).headers.get('content-length')).toBe('3000001');
  });

  it.each([
    ['of no byte', 0],
    ['of one byte', 1],
    ['as long as the buffer of the library', 16_384],
    ['one byte longer', 16_385],
    ['that the system does not take at once', 10_000_000],
  ])('sends a page %s whole, and ends the connection, on which it would be asked again', async (_, byteLength) => {
    const body = randomBytes(byteLength);
    writeFileSync(join(directory, 'page.bin'), body);
    await scene.close();
    scene = await UwsScene.open({ sites: [{ directory }] });
    rmSync(join(directory, 'page.bin'));
    const reply = await untilEnd(scene.port, 'GET /page.bin HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(reply.head).toContain(`\r\nContent-Length: ${byteLength}\r\n`);
    expect(reply.head.match(/\r\nConnection: close\r\n/g)).toHaveLength(1);
    expect(reply.body.equals(body)).toBe(true);
  });

  it('ends the connection after an answer without a body, and after a sentence', async () => {
    const etag = (await get('/')).headers.get('etag')!;
    const sentence = await untilEnd(scene.port, 'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(sentence.head).toContain(`\r\nContent-Length: ${sentence.body.byteLength}\r\n`);
    for (const [request, status, length] of [
      ['HEAD / HTTP/1.1', 200, 15],
      ['HEAD /nothing HTTP/1.1', 404, sentence.body.byteLength],
      [`GET / HTTP/1.1\r\nIf-None-Match: ${etag}`, 304, 15],
    ] as const) {
      const { head, body } = await untilEnd(scene.port, `${request}\r\nHost: x\r\n\r\n`);
      expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(head).toContain(`\r\nContent-Length: ${length}\r\n`);
      expect(head.match(/\r\nConnection: close\r\n/g)).toHaveLength(1);
      expect(body).toHaveLength(0);
    }
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/../../secret.txt',
    '//etc/passwd',
    '/link.txt',
    '/up/secret.txt',
    '/.env',
    '/__proto__',
    '/constructor',
    '/assets',
    '/INDEX.HTML',
  ])('has nothing at %s', async (path) => {
    const reply = await raw(scene.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(reply).toMatch(/^HTTP\/1\.1 404 /);
    expect(reply).not.toContain('SECRET');
    expect(reply).not.toContain('root:');
  });

  it('shows people who open the WebSocket path in a browser what it is', async () => {
    const response = await get('/ws');
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
    expect(await response.text()).toContain('/ws');
  });

  it('answers no method but GET and HEAD', async () => {
    const response = await get('/', { method: 'POST', body: 'x' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  it('opens no WebSocket but at its path', async () => {
    const reply = await raw(
      scene.port,
      'GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n',
    );
    expect(reply).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('is bounded', async () => {
    const large = mkdtempSync(join(root, 'large-'));
    for (let index = 0; index < 257; index++) writeFileSync(join(large, `${index}`), '');
    await expect(StaticSite.load(large)).rejects.toThrow(/more than 256 files/);
    const heavy = mkdtempSync(join(root, 'heavy-'));
    writeFileSync(join(heavy, 'x'), Buffer.alloc(16_777_217));
    await expect(StaticSite.load(heavy)).rejects.toThrow(/larger than/);
  });

  it('reports it when its directory is missing', async () => {
    await expect(UwsScene.open({ sites: [{ directory: join(root, 'missing') }] })).rejects.toThrow(/missing/);
  });
});

it('answers 404 at / without a site', async () => {
  const scene = await UwsScene.open();
  const response = await fetch(`http://127.0.0.1:${scene.port}/`);
  expect(response.status).toBe(404);
  expect(await response.text()).toContain('/ws');
  await scene.close();
});

/** Sends a request that leaves the connection open, and reads until the server ends it. */
async function untilEnd(port: number, request: string): Promise<{ readonly head: string; readonly body: Buffer }> {
  const socket = connect(port, '127.0.0.1', () => socket.write(request));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const reply = Buffer.concat(chunks);
  const headBytes = reply.indexOf('\r\n\r\n') + 4;
  return { head: reply.toString('latin1', 0, headBytes), body: reply.subarray(headBytes) };
}

/** Sends bytes as they are: fetch would tidy the path up. Reads until `end` has come. */
async function raw(port: number, request: string, end = '\r\n\r\n'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request)).setEncoding('utf8');
    let reply = '';
    socket.on('data', (chunk: string) => {
      reply += chunk;
      if (!reply.includes(end)) return;
      socket.destroy();
      resolve(reply);
    });
    socket.on('error', reject);
  });
}
