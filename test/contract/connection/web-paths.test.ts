import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gunzipSync, brotliDecompressSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCounters } from '../../../src/telemetry/counters.js';
import { FileAnswers } from '../../../src/transport/web/file-answers.js';
import type { StaticOptions, WebPathOptions } from '../../../src/transport/web/options.js';
import { webRoutes } from '../../../src/transport/web/routes.js';
import { RawHttp } from '../../support/raw-http.js';
import { UwsScene } from '../../support/uws-scene.js';

const LARGE = randomBytes(3_000_001);
const HUGE_BYTES = 60_000_000;
let root: string;
let directory: string;
let scene: UwsScene;
let counters: ReturnType<typeof createCounters>;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-web-'));
  directory = join(root, 'public');
  mkdirSync(join(directory, 'assets'), { recursive: true });
  mkdirSync(join(directory, 'docs'));
  mkdirSync(join(directory, '.git'));
  writeFileSync(join(root, 'secret.txt'), 'SECRET');
  writeFileSync(join(directory, 'index.html'), '<!doctype html>root');
  writeFileSync(join(directory, 'docs', 'index.html'), '<!doctype html>docs');
  writeFileSync(join(directory, '.env'), 'SECRET');
  writeFileSync(join(directory, '.git', 'config'), 'SECRET');
  writeFileSync(join(directory, 'assets', 'app.js'), 'void 0;');
  writeFileSync(join(directory, 'assets', 'app.js.br'), brotliCompressSync('as br'));
  writeFileSync(join(directory, 'assets', 'app.js.gz'), gzipSync('as gz'));
  writeFileSync(join(directory, 'assets', 'a b+ü.txt'), 'blank');
  writeFileSync(join(directory, 'empty.txt'), '');
  writeFileSync(join(directory, 'one.bin'), '1');
  writeFileSync(join(directory, 'large.bin'), LARGE);
  writeFileSync(join(directory, 'huge.bin'), '');
  truncateSync(join(directory, 'huge.bin'), HUGE_BYTES);
  symlinkSync(join(root, 'secret.txt'), join(directory, 'link.txt'));
  symlinkSync(root, join(directory, 'up'));
  symlinkSync(join(directory, 'one.bin'), join(directory, 'inside.bin'));
  symlinkSync('loop', join(directory, 'loop'));
  symlinkSync(directory, join(root, 'current'));
});
afterAll(() => rmSync(root, { recursive: true }));
afterEach(() => scene.close());

const files = (options: Partial<StaticOptions> = {}): StaticOptions => ({
  type: 'static',
  path: '/',
  directory,
  index: 'index.html',
  immutable: [],
  precompressed: true,
  cacheSeconds: 0,
  headers: {},
  ...options,
});

async function open(paths: readonly WebPathOptions[], bounds = {}): Promise<void> {
  counters = createCounters();
  const all = { maxFileBytes: 100_000_000, maxFileAnswers: 64, ...bounds };
  scene = await UwsScene.open({ routes: webRoutes(paths, new FileAnswers(all, counters)) });
}

const get = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${scene.port}${path}`, {
    redirect: 'manual',
    headers: { 'accept-encoding': 'identity', ...headers },
    ...init,
  });

/** Sends the path as it is: `fetch` would tidy it up. */
async function raw(path: string, lines = ''): Promise<string> {
  return new RawHttp(scene.port, `GET ${path} HTTP/1.1\r\nHost: x\r\n${lines}\r\n`).closed;
}

describe('a path with files', () => {
  beforeEach(() => open([files()]));

  it.each([
    ['/', 'text/html; charset=utf-8', '<!doctype html>root'],
    ['/?query', 'text/html; charset=utf-8', '<!doctype html>root'],
    ['/docs/', 'text/html; charset=utf-8', '<!doctype html>docs'],
    ['/assets/app.js', 'text/javascript; charset=utf-8', 'void 0;'],
    ['/assets/a%20b%2B%c3%bc.txt', 'text/plain; charset=utf-8', 'blank'],
    ['/empty.txt', 'text/plain; charset=utf-8', ''],
    ['/one.bin', 'application/octet-stream', '1'],
    ['/inside.bin', 'application/octet-stream', '1'],
  ])('answers %s as %s', async (path, type, content) => {
    const response = await get(path);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
    expect(await response.text()).toBe(content);
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'");
    const head = await get(path, {}, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(content)));
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it.each([
    '/missing',
    '/assets/',
    '/index.html/',
    '/.env',
    '/%2eenv',
    '/.git/config',
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets%2fapp.js',
    '/..%5csecret.txt',
    '/..\\secret.txt',
    '/%252e%252e/secret.txt',
    '/%c0%ae%c0%ae/secret.txt',
    '/one.bin%00.txt',
    '/one.bin%0a',
    '/%',
    '/%zz',
    '//one.bin',
    '//etc/passwd',
    '/./one.bin',
    '/link.txt',
    '/up/secret.txt',
    '/loop',
    '/a/b/c',
    `/${'x'.repeat(300)}`,
    `/${'x/'.repeat(3_000)}`,
  ])('has nothing at %s', async (path) => {
    const reply = await raw(path);
    expect(reply).toMatch(/^HTTP\/1\.1 404 /);
    expect(reply).not.toContain('SECRET');
  });

  it('leads to a folder by a path that stays there', async () => {
    const moved = await get('/docs?a=1');
    expect([moved.status, moved.headers.get('location')]).toEqual([308, './docs/?a=1']);
    expect((await get('/', {}, { method: 'POST' })).status).toBe(405);
  });

  it('answers 304 to a client that has the file, until it changes', async () => {
    const first = await get('/one.bin');
    const etag = first.headers.get('etag')!;
    expect(etag).toMatch(/^"1-/);
    for (const tag of [etag, `"other", ${etag}`, '*']) {
      const known = await get('/one.bin', { 'if-none-match': tag });
      expect([known.status, await known.text(), known.headers.get('etag')]).toEqual([304, '', etag]);
    }
    utimesSync(join(directory, 'one.bin'), 1_000, 1_000);
    const changed = await get('/one.bin', { 'if-none-match': etag });
    expect(changed.status).toBe(200);
    expect(changed.headers.get('etag')).not.toBe(etag);
  });

  it.each([
    ['br, gzip', 'br', 'as br'],
    ['gzip', 'gzip', 'as gz'],
    ['GZIP;q=0.5, br;q=0', 'gzip', 'as gz'],
    ['*', 'br', 'as br'],
    ['*;q=0', null, 'void 0;'],
    ['identity', null, 'void 0;'],
    ['', null, 'void 0;'],
  ] as const)('sends to a client that takes "%s" the file in %s', async (accepted, encoding, content) => {
    const reply = await raw('/assets/app.js', accepted === '' ? '' : `Accept-Encoding: ${accepted}\r\n`);
    const [head = '', body] = reply.split('\r\n\r\n');
    const bytes = Buffer.from(body ?? '', 'latin1');
    const decoded = { br: brotliDecompressSync, gzip: gunzipSync, none: (plain: Buffer) => plain };
    expect(decoded[encoding ?? 'none'](bytes).toString()).toBe(content);
    expect(/\r\nContent-Encoding: (\S+)/.exec(head)?.[1] ?? null).toBe(encoding);
    expect(head).toContain('\r\nContent-Type: text/javascript; charset=utf-8');
    expect(head).toContain('\r\nVary: Accept-Encoding');
    const tag = /\r\nETag: (\S+)/.exec(head)![1]!;
    expect(tag.includes(encoding ?? '-none')).toBe(encoding !== null);
  });

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=2999999-', 2_999_999, 3_000_001],
    ['bytes=-1', 3_000_000, 3_000_001],
    ['bytes=-9999999', 0, 3_000_001],
    ['bytes=7-100000', 7, 100_001],
    ['bytes=100-9999999', 100, 3_000_001],
    ['Bytes= 5-200000 ', 5, 200_001],
  ])('sends the part of a large file that "%s" names', async (range, start, end) => {
    const part = await get('/large.bin', { range });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/3000001`);
    expect(part.headers.get('content-length')).toBe(String(end - start));
    expect(Buffer.from(await part.arrayBuffer()).equals(LARGE.subarray(start, end))).toBe(true);
  });

  it.each(['bytes=3000001-', 'bytes=-0', 'bytes=9999999-99999999'])('refuses "%s" of a shorter file', async (range) => {
    const none = await get('/large.bin', { range });
    expect([none.status, none.headers.get('content-range')]).toEqual([416, 'bytes */3000001']);
    expect(await none.text()).toBe('The file has 3000001 bytes.\n');
    expect((await get('/empty.txt', { range })).status).toBe(416);
  });

  it.each(['bytes=0-1,3-4', 'bytes=5-4', 'bytes=-', 'bytes=a-b', 'lines=1-2', `bytes=${'9'.repeat(30)}-`])(
    'sends the whole file for "%s"',
    async (range) => {
      const whole = await get('/assets/a%20b+%C3%BC.txt', { range });
      expect([whole.status, whole.headers.get('accept-ranges'), await whole.text()]).toEqual([200, 'bytes', 'blank']);
    },
  );

  it('sends a part only of the version that the client has, and of the variant that it takes', async () => {
    const path = '/assets/app.js';
    const { headers } = await get(path, { 'accept-encoding': 'gzip' });
    const [etag, length] = [headers.get('etag')!, gzipSync('as gz').byteLength];
    const range = { range: 'bytes=2-', 'accept-encoding': 'gzip' };
    const answer = await raw(path, `Accept-Encoding: gzip\r\nRange: bytes=2-\r\nIf-Range: ${etag}\r\n`);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 206 Partial Content/);
    expect(head).toContain(`Content-Range: bytes 2-${length - 1}/${length}`);
    expect(Buffer.from(body, 'latin1').equals(gzipSync('as gz').subarray(2))).toBe(true);
    for (const other of ['"other"', `W/${etag}`, etag.replace('-gzip', ''), 'Wed, 02 Dec 2026 05:00:00 GMT'])
      expect((await get(path, { ...range, 'if-range': other })).status, other).toBe(200);
    expect((await get(path, { ...range, 'if-none-match': etag })).status).toBe(304);
    const noBody = await get('/large.bin', { range: 'bytes=0-0' }, { method: 'HEAD' });
    expect([noBody.status, noBody.headers.get('content-length')]).toEqual([200, '3000001']);
  });

  it('sends a large file whole, piece by piece, to many at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => get('/large.bin')));
    for (const answer of answers) expect(Buffer.from(await answer.arrayBuffer()).equals(LARGE)).toBe(true);
    const head = await get('/large.bin', {}, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(LARGE.byteLength));
  });
});

describe('a path with files, as configured', () => {
  it('is where it is configured, and its folder has a slash', async () => {
    await open([files({ path: '/app/' }), files({ path: '/app/docs', directory: join(directory, 'assets') })]);
    const moved = await get('/app');
    expect([moved.status, moved.headers.get('location')]).toEqual([308, './app/']);
    expect(await (await get('/app/')).text()).toContain('root');
    expect(await (await get('/app/docs/app.js')).text()).toBe('void 0;');
    for (const path of ['/', '/application', '/index.html', '/app/docs/index.html'])
      expect((await get(path)).status, path).toBe(404);
  });

  it('answers with the page of an application where no file is, but never for a missing script', async () => {
    await open([files({ spaFallback: 'index.html', cacheSeconds: 60, immutable: ['/assets/'] })]);
    for (const path of ['/users/7', '/users/7/', '/assets/gone']) {
      const page = await get(path, { accept: 'text/html,*/*;q=0.8' });
      expect([page.status, page.headers.get('cache-control')], path).toEqual([200, 'no-cache']);
      expect(await page.text()).toContain('root');
    }
    for (const path of ['/assets/gone.js', '/.env', '/%2e%2e%2fx']) expect((await get(path)).status, path).toBe(404);
    expect((await get('/users/7', { accept: 'application/json' })).status).toBe(404);
    expect((await get('/one.bin')).headers.get('cache-control')).toBe('public, max-age=60');
    expect((await get('/assets/app.js')).headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  });

  it('has the headers of the configuration in place of its own', async () => {
    const headers = { 'content-security-policy': "default-src 'none'", 'Access-Control-Allow-Origin': '*' };
    await open([files({ headers, precompressed: false })]);
    const answer = await get('/assets/app.js', { 'accept-encoding': 'br' });
    expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'");
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect([answer.headers.get('vary'), await answer.text()]).toEqual([null, 'void 0;']);
  });

  it('may be a link, which leads elsewhere from one request to the next', async () => {
    await open([files({ directory: join(root, 'current') })]);
    expect((await get('/assets/app.js')).status).toBe(200);
    rmSync(join(root, 'current'));
    symlinkSync(join(directory, 'docs'), join(root, 'current'));
    expect(await (await get('/')).text()).toContain('docs');
    expect((await get('/assets/app.js')).status).toBe(404);
  });

  it('refuses a file that is too large, and counts that', async () => {
    await open([files()], { maxFileBytes: LARGE.byteLength });
    expect((await get('/large.bin')).status).toBe(200);
    const refused = await get('/huge.bin');
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('web.maxFileBytes')]);
    expect(counters.limitsReached.web_file_bytes).toBe(1);
  });
});

describe('a client that does not read', () => {
  const patient = { timeout: 30_000, interval: 20 };

  it('holds one place, one piece of the file, and gives both back when it leaves', async () => {
    await open([files()], { maxFileAnswers: 1 });
    const slow = new RawHttp(scene.port, 'GET /huge.bin HTTP/1.1\r\nHost: x\r\n\r\n', { isReading: false });
    await vi.waitFor(async () => expect((await get('/one.bin')).status).toBe(503), patient);
    expect(counters.limitsReached.web_file_answers).toBeGreaterThan(0);
    slow.socket.destroy();
    await vi.waitFor(async () => expect((await get('/one.bin')).status).toBe(200), patient);
  });

  it('receives the rest of the file when it reads on', async () => {
    await open([files()]);
    const slow = new RawHttp(scene.port, 'GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n', { isReading: false });
    await vi.waitFor(() => expect(scene.counters.httpAnswers['200']).toBe(1), patient);
    slow.socket.resume();
    const reply = Buffer.from(await slow.closed, 'latin1');
    expect(reply.subarray(reply.indexOf('\r\n\r\n') + 4).equals(LARGE)).toBe(true);
  });

  it('is cut when the file has become shorter', async () => {
    const path = join(directory, 'shrinks.bin');
    writeFileSync(path, '');
    truncateSync(path, HUGE_BYTES);
    await open([files()]);
    const slow = new RawHttp(scene.port, 'GET /shrinks.bin HTTP/1.1\r\nHost: x\r\n\r\n', { isReading: false });
    await vi.waitFor(() => expect(scene.counters.httpAnswers['200']).toBe(1), patient);
    truncateSync(path, 10);
    slow.socket.resume();
    expect((await slow.closed).length).toBeLessThan(HUGE_BYTES);
  });
});

describe('other paths', () => {
  it('have one value, or lead elsewhere', async () => {
    const json = { type: 'json', path: '/config.json', value: { url: '/ws' }, cacheSeconds: 0, headers: {} } as const;
    await open([json, { type: 'redirect', path: '/old', url: '/new?x=1', status: '301' }]);
    const answer = await get('/config.json');
    expect(await answer.json()).toEqual({ url: '/ws' });
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    const known = await get('/config.json', { 'if-none-match': answer.headers.get('etag')! });
    expect(known.status).toBe(304);
    const moved = await get('/old');
    expect([moved.status, moved.headers.get('location')]).toEqual([301, '/new?x=1']);
    for (const path of ['/config.json/x', '/old/x']) expect((await get(path)).status, path).toBe(404);
  });
});
