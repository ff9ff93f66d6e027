import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest';
import { GantryProcess, type Exit } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';

let router: GantryProcess;
let url: string;
const running: GantryProcess[] = [];

beforeAll(async () => {
  router = new GantryProcess(['start', '--port', '0', '--ops-port', '0', '--log-level', 'warn']);
  url = await router.ready();
});
afterEach(async () => {
  for (const command of running.splice(0)) {
    command.signal('SIGKILL');
    await command.exit;
  }
});
afterAll(async () => {
  router.signal('SIGKILL');
  await router.exit;
});

function begin(...words: string[]): GantryProcess {
  const [name = '', ...rest] = words;
  const command = new GantryProcess([name, '--url', url, ...rest]);
  running.push(command);
  return command;
}

const run = (...words: string[]): Promise<Exit> => begin(...words).exit;

async function subscribed(...words: string[]): Promise<GantryProcess> {
  const command = begin('subscribe', ...words);
  await command.printed('stderr', /subscribed to/);
  return command;
}

async function registered(...words: string[]): Promise<GantryProcess> {
  const command = begin('register', ...words);
  await command.printed('stderr', /registered/);
  return command;
}

const lines = ({ stdout }: Exit): unknown[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('gantry publish and subscribe', () => {
  it('send an event, and print it as one line of JSON', async () => {
    const subscriber = await subscribed('com.example.news', '--count', '2');
    expect(await run('publish', 'com.example.news', '1', 'two', '-k', 'x=[3]')).toMatchObject({ code: 0, stdout: '' });
    expect(await run('publish', 'com.example.news')).toMatchObject({ code: 0 });
    const exit = await subscriber.exit;
    expect(exit).toMatchObject({ code: 0, stderr: 'gantry: subscribed to com.example.news\n' });
    expect(lines(exit)).toEqual([
      {
        topic: 'com.example.news',
        publication: expect.any(Number),
        args: [1, 'two'],
        kwargs: { x: [3] },
        details: expect.any(Object),
      },
      expect.objectContaining({ args: [], kwargs: {} }),
    ]);
  });

  it('publish each line of standard input, in order', async () => {
    const subscriber = await subscribed('com.example', '--match', 'prefix', '--count', '250');
    const publisher = begin('publish', 'com.example.lines', '--lines', '--serializer', 'msgpack');
    const texts = Array.from({ length: 248 }, (_, at) => `[${at}]`);
    publisher.child.stdin.end([...texts, '{"a":1}', '', '"last"'].join('\r\n'));
    expect(await publisher.exit).toMatchObject({ code: 0, stderr: '' });
    const events = lines(await subscriber.exit) as { args: unknown[]; kwargs: object }[];
    expect(events.slice(0, 248).map(({ args }) => args)).toEqual(texts.map((text) => JSON.parse(text)));
    expect(events.slice(248)).toMatchObject([{ kwargs: { a: 1 } }, { args: ['last'] }]);
  });

  it('name the line that is no JSON', async () => {
    const publisher = begin('publish', 'com.example.lines', '--lines');
    publisher.child.stdin.write('1\nnone\n');
    expect(await publisher.exit).toMatchObject({ code: 2, stderr: 'gantry: line 2 of standard input is not JSON\n' });
  });

  it('exit with 1 for a WAMP error', async () => {
    for (const words of [
      ['publish', 'com..news'],
      ['subscribe', 'com..news'],
    ]) {
      const { code, stderr } = await run(...words);
      expect({ code, stderr: stderr.split(' ', 1) }).toEqual({ code: 1, stderr: ['wamp.error.invalid_uri'] });
    }
  });

  it('end well on SIGINT, and when nobody reads any more', async () => {
    const subscriber = await subscribed('com.example.news');
    subscriber.signal('SIGINT');
    expect(await subscriber.exit).toMatchObject({ code: 0, stdout: '' });
    const unread = await subscribed('com.example.news');
    unread.child.stdout.destroy();
    while (unread.child.exitCode === null) {
      await run('publish', 'com.example.news', '1');
    }
    expect(unread.child.exitCode).toBe(0);
  });

  it('lose nothing while their reader is slow', async () => {
    const subscriber = await subscribed('com.example.much', '--count', '400');
    subscriber.child.stdout.pause();
    const publisher = await RawClient.join(url);
    for (let at = 0; at < 400; at++) await publisher.publishAcknowledged('com.example.much', ['x'.repeat(10_000)]);
    subscriber.child.stdout.resume();
    expect(lines(await subscriber.exit)).toHaveLength(400);
    await publisher.close();
  });
});

describe('gantry register', () => {
  it('answers calls with the output of a command', async () => {
    const callee = await registered('com.example.sort', '--', 'node', '-e', SORT);
    expect(await run('call', 'com.example.sort', '3', '1', '2')).toMatchObject({
      code: 0,
      stdout: '{"args":[[1,2,3]],"kwargs":{}}\n',
    });
    callee.signal('SIGINT');
    expect(await callee.exit).toMatchObject({ code: 0, stdout: '', stderr: 'gantry: registered com.example.sort\n' });
    expect((await run('call', 'com.example.sort')).stderr).toMatch(/^wamp\.error\.no_such_procedure/);
  });

  it('takes text as a text, and nothing as no argument', async () => {
    await registered('com.example.text', '--', 'echo', '$HOME is no variable here');
    expect((await run('call', '--first', 'com.example.text')).stdout).toBe('$HOME is no variable here\n');
    await registered('com.example.nothing', '--', 'true');
    expect((await run('call', 'com.example.nothing')).stdout).toBe('{"args":[],"kwargs":{}}\n');
  });

  it('fails the call when the command fails or cannot be run', async () => {
    const callee = await registered('com.example.fail', '--', 'sh', '-c', 'echo the reason >&2; exit 3');
    expect(await run('call', 'com.example.fail')).toMatchObject({
      code: 1,
      stderr: 'gantry.error.command_failed ["the command exited with 3"]\n',
    });
    await callee.printed('stderr', /the reason/);
    await registered('com.example.absent', '--', '/no/such/command');
    expect(await run('call', 'com.example.absent')).toMatchObject({
      code: 1,
      stderr: 'gantry.error.command_failed ["the command cannot be run"]\n',
    });
  });

  it('fails the call when the serializer cannot represent the result', async () => {
    await registered('com.example.nul', '--', 'printf', '\\0text');
    const { code, stderr } = await run('call', 'com.example.nul');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^wamp\.error\.invalid_argument \["cannot be represented in json: /);
  });

  it('keeps its credentials from the command', async () => {
    const callee = new GantryProcess(['register', 'com.example.env', '--', 'env'], {
      GANTRY_CLIENT_URL: url,
      OTHER: 'shown',
    });
    running.push(callee);
    await callee.printed('stderr', /registered/);
    const { stdout } = await run('call', '--first', 'com.example.env');
    expect(stdout).toContain('OTHER=shown');
    expect(stdout).not.toContain('GANTRY_CLIENT');
  });

  it('runs no more commands at once than it may', async () => {
    const script = 'echo begun >&2; exec sleep 60';
    const callee = await registered('com.example.slow', '--concurrency', '2', '--', 'sh', '-c', script);
    const waiting = [begin('call', 'com.example.slow'), begin('call', 'com.example.slow')];
    await callee.printed('stderr', /begun\n[^]*begun\n/);
    const { code, stderr } = await run('call', 'com.example.slow');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^wamp\.error\.no_available_callee/);
    expect(waiting.map(({ child }) => child.exitCode)).toEqual([null, null]);
  });

  it('ends the command when the call is canceled', async () => {
    const script = 'trap "echo ended >&2; exit 0" TERM; echo begun >&2; while :; do sleep 0.05; done';
    const callee = await registered('com.example.cancel', '--', 'sh', '-c', script);
    const caller = begin('call', 'com.example.cancel');
    await callee.printed('stderr', /begun/);
    caller.signal('SIGINT');
    await callee.printed('stderr', /ended/);
    expect((await caller.exit).code).toBe(130);
  });

  it('answers the calls that run before it ends', async () => {
    const callee = await registered('com.example.late', '--', 'sh', '-c', 'echo begun >&2; sleep 1; echo done');
    const caller = begin('call', '--first', 'com.example.late');
    await callee.printed('stderr', /begun/);
    callee.signal('SIGTERM');
    expect(await caller.exit).toMatchObject({ code: 0, stdout: 'done\n' });
    expect((await callee.exit).code).toBe(0);
  });

  it('prints calls and answers with their arguments, without a command', async () => {
    const callee = await registered('com.example', '--match', 'prefix');
    expect((await run('call', 'com.example.any', '1', '-k', 'a=2')).stdout).toBe('{"args":[1],"kwargs":{"a":2}}\n');
    callee.signal('SIGINT');
    expect(lines(await callee.exit)).toMatchObject([{ args: [1], kwargs: { a: 2 } }]);
  });

  it('exits with 3 when the router ends', async () => {
    const own = new GantryProcess(['start', '--port', '0', '--ops-port', '0', '--log-level', 'silent']);
    const address = await own.ready();
    const commands = [
      new GantryProcess(['register', '--url', address, 'com.example.a']),
      new GantryProcess(['subscribe', '--url', address, 'com.example.a']),
    ];
    running.push(...commands);
    for (const command of commands) await command.printed('stderr', /registered|subscribed/);
    own.signal('SIGTERM');
    for (const command of commands) {
      const { code, stderr } = await command.exit;
      expect(code).toBe(3);
      expect(stderr).toMatch(/\ngantry: the connection was closed: code 1012.*\n$/);
    }
    await own.exit;
  });
});

/** Sorts the arguments of the call. */
const SORT = `
  let text = '';
  process.stdin.on('data', (part) => (text += part));
  process.stdin.on('end', () => console.log(JSON.stringify(JSON.parse(text).args.sort())));
`;

describe('gantry bench', () => {
  it.each(['call', 'publish'])('measures a %s, and receives as many as it sends', async (kind) => {
    const exit = await run('bench', kind, '--seconds', '0.5', '--sessions', '2', '--concurrency', '3', '--bytes', '10');
    expect({ ...exit, stdout: '' }).toMatchObject({ code: 0, stderr: '' });
    const [figures] = lines(exit) as Record<string, number>[];
    expect(figures).toMatchObject({ kind, sessions: 2, concurrency: 3, bytes: 10 });
    const { count = 0, perSecond, seconds = 0, medianMs = 0, p99Ms = 0, maxMs, received = 0 } = figures!;
    // Each of the six sends at least one. An event may be on its way when its publication is acknowledged.
    expect(count).toBeGreaterThanOrEqual(6);
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThanOrEqual(count);
    if (kind === 'call') expect(received).toBe(count);
    expect(seconds).toBeGreaterThanOrEqual(0.5);
    expect(Math.abs(perSecond! - count / seconds)).toBeLessThan(Math.max(2, count / 20));
    expect([medianMs, p99Ms, maxMs]).toEqual([medianMs, p99Ms, maxMs].sort((one, other) => one! - other!));
  });

  it('ends with the first error, and refuses what it cannot measure', async () => {
    expect(await run('bench', '--prefix', 'wamp.bench')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^wamp\.error\.(invalid_uri|not_authorized)/) as unknown,
    });
    expect(await run('bench', 'subscribe')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('gantry bench measures either call or publish') as unknown,
    });
    expect(await run('bench', '--sessions', '1.5')).toMatchObject({ code: 2 });
  });
});
