import { execFileSync, spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  createReadStream,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { RawClient } from '../support/raw-client.js';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'gantry-log-'));
const running: ChildProcess[] = [];
const clients: RawClient[] = [];
const descriptors: number[] = [];

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  for (const client of clients.splice(0)) client.drop();
  for (const fd of descriptors.splice(0)) closeSync(fd);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const STRICT = [
  ...['--port', '0', '--ops-port', '0', '--log-level', 'debug'],
  ...['--set', 'log.maxUnwrittenBytes=4096', '--set', 'limits.maxLogLinesPerSecond=1000000'],
];

interface Router {
  readonly child: ChildProcess;
  readonly ws: string;
  readonly ops: string;
}

/** A router whose standard error is `stderr`, as far as its greeting. */
async function start(stderr: number | 'pipe', words: readonly string[] = STRICT): Promise<Router> {
  const child = spawnGantry(words, ['ignore', 'pipe', stderr]);
  let greeting = '';
  for await (const text of child.stdout!.setEncoding('utf8')) {
    greeting += String(text);
    if (greeting.includes('connection.open();')) break;
  }
  const [, ws = ''] = /WebSocket +(\S+)\n/.exec(greeting) ?? [];
  const [, ops = ''] = /operations +(\S+)\/healthz/.exec(greeting) ?? [];
  return { child, ws, ops };
}

function spawnGantry(words: readonly string[], stdio: StdioOptions): ChildProcess {
  const child = spawn(process.execPath, [main, ...words], { stdio });
  running.push(child);
  return child;
}

/** A pipe with nobody at its other end, and no room left. */
function fullPipe(): { readonly path: string; readonly fd: number } {
  const path = join(mkdtempSync(join(directory, 'pipe-')), 'stderr');
  execFileSync('mkfifo', [path]);
  const filler = open(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    for (;;) writeSync(filler, '#'.repeat(4_095) + '\n');
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' });
  }
  return { path, fd: open(path, constants.O_RDWR) };
}

function open(path: string, flags: number | string): number {
  const fd = openSync(path, flags);
  descriptors.push(fd);
  return fd;
}

async function connect(url: string): Promise<RawClient> {
  const client = await RawClient.join(url, { realm: 'realm1' });
  clients.push(client);
  return client;
}

/** Clients come and go until the router has counted a fate of lines. */
async function connectUntil({ ws, ops }: Router, fate: string): Promise<void> {
  for (;;) {
    (await connect(ws)).drop();
    const page = await (await fetch(`${ops}/metrics`)).text();
    if (Number(new RegExp(`^gantry_log_lines_total\\{fate="${fate}"\\} (\\d+)$`, 'm').exec(page)?.[1]) > 0) return;
  }
}

/** It answers calls and is healthy. */
async function expectService({ ws, ops }: Router): Promise<void> {
  expect((await fetch(`${ops}/healthz`)).status).toBe(200);
  const [callee, caller] = [await connect(ws), await connect(ws)];
  await callee.register('com.example.echo');
  const request = caller.call('com.example.echo');
  const [, invocation] = await callee.expect(Code.INVOCATION);
  callee.send([Code.YIELD, invocation, {}]);
  expect((await caller.expect(Code.RESULT))[1]).toBe(request);
}

describe('standard error', () => {
  it('on a pipe that nobody reads holds up nothing, and reports the missing lines when it is read again', async () => {
    const { path, fd } = fullPipe();
    const router = await start(fd);
    await connectUntil(router, 'dropped_stalled');
    await expectService(router);
    const lines = createReadStream(path, { encoding: 'utf8' });
    let text = '';
    for await (const part of lines) {
      text += String(part);
      if (text.includes('"msg":"log.dropped"') && text.endsWith('\n')) break;
    }
    const written = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const events = written.map((line) => JSON.parse(line) as { msg: string; count?: number });
    expect(events[0]?.msg).toBe('config.loaded');
    expect(events.find(({ msg }) => msg === 'log.dropped')?.count).toBeGreaterThan(0);
  });

  it('on a pipe that nobody reads does not keep the process from ending', async () => {
    const { child } = await start(fullPipe().fd);
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
  });

  it('on a full disk is no reason to end', async () => {
    const router = await start(open('/dev/full', 'w'));
    await connectUntil(router, 'dropped_failed');
    await expectService(router);
  });

  it('whose reader has gone is no reason to end', async () => {
    const router = await start('pipe');
    router.child.stderr!.destroy();
    await connectUntil(router, 'dropped_failed');
    await expectService(router);
    router.child.kill('SIGTERM');
    expect((await once(router.child, 'exit'))[0]).toBe(0);
  });

  it('in a file has every line up to the last, in order', async () => {
    const path = join(directory, 'gantry.log');
    const router = await start(open(path, 'w'));
    (await connect(router.ws)).drop();
    router.child.kill('SIGTERM');
    await once(router.child, 'exit');
    const events = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string });
    const order = ['config.loaded', 'node.started', 'session.opened', 'node.signal', 'node.draining', 'node.stopped'];
    expect(events.map(({ msg }) => msg).filter((msg) => order.includes(msg))).toEqual(order);
  });

  /**
   * The router loses its terminal when `script` is killed, drains and exits. On Node.js 20 the kernel then logs a
   * segmentation fault of Node.js itself: `ResetStdio` asserts at exit that `tcsetattr` succeeds, and dumping the stack of
   * JavaScript for that assertion fails in an isolate that has ended (nodejs/node#51519, fixed by #58200 in Node.js 22).
   */
  it('on a terminal is for people', async () => {
    const command = `timeout -s INT 60 '${process.execPath}' '${main}' ${STRICT.join(' ')}`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] });
    running.push(child);
    let text = '';
    for await (const part of child.stdout.setEncoding('utf8')) {
      text += String(part);
      if (text.includes('node.started') && text.includes('connection.open();')) break;
    }
    expect(text).toMatch(/INFO.*config\.loaded/);
  });

  it('has all of a long complaint when the process has ended', async () => {
    const faults = Array.from({ length: 2_000 }, (_, index) => ['--set', `listen.nothing${index}=1`]).flat();
    const child = spawnGantry(['check', ...faults], ['ignore', 'ignore', 'pipe']);
    let text = '';
    for await (const part of child.stderr!.setEncoding('utf8')) text += String(part);
    expect(text.length).toBeGreaterThan(100_000);
    expect(text.trimEnd().split('\n').at(-1)).toContain('listen.nothing1999');
  });
});
