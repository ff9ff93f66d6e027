import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../src/backplane/backplane.js';
import { door, luaScripts, RecordedConnections } from '../../../support/redis-connections.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';

const scripts = luaScripts({
  'append.lua': "return redis.call('RPUSH', KEYS[1], ARGV[1])",
  'broken.lua': "return redis.call('INCR', KEYS[1], 'too', 'many')",
  'list.lua': 'return {1, "two", false, {ARGV[1]}}',
});
const append = door('append.lua');

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

async function connected(): Promise<RecordedConnections> {
  await redis.flushAll();
  const recorded = new RecordedConnections(redis, scripts);
  await recorded.connections.start();
  return recorded;
}

/** The list of clients as operators see it: name → id. */
async function clients(): Promise<Map<string, number>> {
  const text = (await redis.command('CLIENT', 'LIST')) as string;
  const lines = text
    .split('\n')
    .map((line) => new Map(line.split(' ').map((pair) => pair.split('=') as [string, string])));
  return new Map(lines.map((fields) => [fields.get('name') ?? '', Number(fields.get('id'))]));
}

describe('messages', () => {
  it('arrive on subscribed channels, byte for byte and in order; the receipt reports how many listened', async () => {
    const { connections, messages, ...recorded } = await connected();
    await connections.subscribe('one');
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const receipts = [
      connections.publish('one', bytes.subarray(10, 20)),
      connections.publish('two', bytes),
      connections.publish('one', new Uint8Array()),
      connections.publish('one', bytes),
    ];
    bytes.fill(0);
    expect(await Promise.all(receipts)).toEqual([1, 0, 1, 1]);
    await connections.subscribe('fence');
    await connections.publish('fence', new Uint8Array([65]));
    while (messages.at(-1)?.[0] !== 'fence') await new Promise(setImmediate);
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, index) => index));
    expect(messages).toEqual([
      ['one', all.slice(10, 20)],
      ['one', ''],
      ['one', all],
      ['fence', 'A'],
    ]);
    expect(recorded.counters.storeRoundTrip.count).toBeGreaterThan(6);
  });

  it('no longer come once unsubscribed', async () => {
    const recorded = await connected();
    const { connections } = recorded;
    await Promise.all([connections.subscribe('one'), connections.subscribe('two')]);
    await connections.unsubscribe('one');
    expect(await connections.publish('one', new Uint8Array([1]))).toBe(0);
    await connections.publish('two', new Uint8Array([65]));
    await recorded.until(() => recorded.messages.length > 0);
    expect(recorded.messages).toEqual([['two', 'A']]);
  });

  it('come again to who subscribes, unsubscribes and subscribes in one go', async () => {
    const { connections } = await connected();
    await Promise.all([connections.subscribe('one'), connections.unsubscribe('one'), connections.subscribe('one')]);
    expect(await connections.publish('one', new Uint8Array([1]))).toBe(1);
  });

  it('are not handed on after stop', async () => {
    const recorded = await connected();
    await recorded.connections.subscribe('one');
    const stopped = recorded.connections.stop();
    await redis.command('PUBLISH', 'one', 'late');
    await stopped;
    expect(recorded.messages).toEqual([]);
    await expect(recorded.connections.publish('one', new Uint8Array())).rejects.toThrow(BackplaneUnavailableError);
    await recorded.connections.stop();
    const names = [...(await clients()).keys()].filter((name) => name.startsWith('gantry:'));
    expect(names).toEqual([]);
  });
});

describe('commands', () => {
  it('run scripts and read what they reply', async () => {
    const { connections } = await connected();
    expect(await connections.run(door('list.lua'), { keys: [], argv: ['x'] })).toEqual([1, 'two', null, ['x']]);
  });

  it('are carried out in the order asked, many at a time', async () => {
    const { connections } = await connected();
    const asked = Array.from({ length: 500 }, (_, index) => connections.run(append, { keys: ['list'], argv: [index] }));
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
    expect(await redis.command('LRANGE', 'list', 0, -1)).toEqual(Array.from({ length: 500 }, (_, index) => `${index}`));
  });

  it('are asked again when somebody has flushed the scripts', async () => {
    const recorded = await connected();
    await redis.command('SCRIPT', 'FLUSH');
    expect(await recorded.connections.run(append, { keys: ['list'], argv: ['a'] })).toBe(1);
    expect(await recorded.connections.run(append, { keys: ['list'], argv: ['b'] })).toBe(2);
    expect(recorded.edges).toEqual(['connected']);
  });

  it('are all carried out, in the order asked, while somebody flushes the scripts again and again', async () => {
    const recorded = await connected();
    const asked: Promise<unknown>[] = [];
    for (let round = 0; round < 40; round++) {
      if (round % 4 === 0) void redis.command('SCRIPT', 'FLUSH');
      for (let count = 0; count < 25; count++) {
        asked.push(recorded.connections.run(append, { keys: ['list'], argv: [asked.length] }));
        if (count % 10 === 0)
          asked.push(recorded.connections.run(door('list.lua'), { keys: ['{other}'], argv: ['x'] }));
      }
      await new Promise(setImmediate);
    }
    await Promise.all(asked);
    const list = ((await redis.command('LRANGE', 'list', 0, -1)) as string[]).map(Number);
    expect(list).toEqual([...list].sort((one, other) => one - other));
    expect(list).toHaveLength(40 * 25);
    expect(recorded.edges).toEqual(['connected']);
  });

  it('that a script fails in reject, are counted and reported without ending the connection', async () => {
    const recorded = await connected();
    const broken = recorded.connections.run(door('broken.lua'), { keys: ['n'], argv: [] });
    await expect(broken).rejects.toThrow('backplane unavailable during broken.lua');
    expect(recorded.counters.storeErrors.script).toBe(1);
    expect(recorded.notices.at(-1)).toMatchObject({ level: 'error', kind: 'command_failed' });
    const misread = recorded.connections.run(
      {
        ...append,
        decode: () => {
          throw new TypeError('append.lua replied number');
        },
      },
      { keys: ['list'], argv: [1] },
    );
    await expect(misread).rejects.toThrow(BackplaneUnavailableError);
    expect(recorded.counters.storeErrors.script).toBe(2);
    expect(recorded.edges).toEqual(['connected']);
  });

  it('scan sets and hashes whole, in parts', async () => {
    const { connections } = await connected();
    const members = Array.from({ length: 3_000 }, (_, index) => `exact topic.${index}`);
    await redis.command('SADD', 'set', ...members);
    await redis.command('HSET', 'hash', ...members.flatMap((member, index) => [member, index]));
    const found: string[] = [];
    let partCount = 0;
    for await (const part of connections.scanSet('set')) {
      partCount++;
      found.push(...part);
    }
    expect(partCount).toBeGreaterThan(3);
    expect(new Set(found)).toEqual(new Set(members));
    const pairs = new Map<string, string>();
    for await (const part of connections.scanHash('hash'))
      for (const [field, value] of part) pairs.set(field, Buffer.from(value).toString());
    expect(pairs).toEqual(new Map(members.map((member, index) => [member, `${index}`])));
    for await (const part of connections.scanSet('absent')) expect(part).toEqual([]);
  });
});

describe('connections', () => {
  it('show operators whose they are', async () => {
    await connected();
    expect([...(await clients()).keys()].sort()).toEqual(
      expect.arrayContaining(['gantry:a-1:bus', 'gantry:a-1:directory', 'gantry:a-1:subscriber']),
    );
  });

  it.each(['bus', 'directory', 'subscriber'] as const)('come back after the %s was killed', async (which) => {
    const recorded = await connected();
    const { connections } = recorded;
    await connections.subscribe('one');
    await redis.command('CLIENT', 'KILL', 'ID', (await clients()).get(`gantry:a-1:${which}`)!);
    await recorded.connectedTimes(2);
    expect(recorded.edges).toEqual(['connected', `disconnected ${which}`, 'connected']);
    expect(recorded.otherServers).toEqual([false, false]);
    expect(recorded.counters.connectionsLost).toEqual({ bus: 0, directory: 0, subscriber: 0, [which]: 1 });
    expect(await connections.publish('one', new Uint8Array([65]))).toBe(1);
    expect(await connections.run(append, { keys: ['list'], argv: [1] })).toBe(1);
    await recorded.until(() => recorded.messages.length === 1);
  });

  it('refuse at once what is asked while they are away, and never do it later', async () => {
    const recorded = await connected();
    recorded.connections.reset('test');
    expect(recorded.edges).toEqual(['connected', 'disconnected bus']);
    await expect(recorded.connections.publish('one', new Uint8Array())).rejects.toThrow(BackplaneUnavailableError);
    await expect(recorded.connections.run(append, { keys: ['list'], argv: ['late'] })).rejects.toThrow(
      BackplaneUnavailableError,
    );
    // Wanted from now on, though it could not be confirmed.
    await expect(recorded.connections.subscribe('one')).rejects.toThrow(BackplaneUnavailableError);
    await recorded.connectedTimes(2);
    expect(await recorded.connections.publish('one', new Uint8Array([1]))).toBe(1);
    expect(await redis.command('EXISTS', 'list')).toBe(0);
  });

  it('come back to a server that was restarted, with scripts and channels', async () => {
    const recorded = await connected();
    await recorded.connections.subscribe('one');
    await redis.restart({ keepData: false });
    await recorded.connectedTimes(2);
    expect(await recorded.connections.publish('one', new Uint8Array([1]))).toBe(1);
    expect(await recorded.connections.run(append, { keys: ['list'], argv: [1] })).toBe(1);
    expect(recorded.edges).toHaveLength(3);
    expect(recorded.otherServers).toEqual([false, true]);
  });

  it('wait for a server that is not there yet', async () => {
    await redis.kill();
    const recorded = new RecordedConnections(redis);
    const started = recorded.connections.start();
    while (recorded.notices.length < 3) await new Promise(setImmediate);
    expect(recorded.notices[0]?.message).toContain('ECONNREFUSED');
    await redis.start();
    await started;
    // One line each, however many attempts it took.
    const failures = recorded.notices.filter(({ kind }) => kind === 'attempt_failed');
    expect(new Set(failures.map(({ connection, message }) => `${connection}: ${message}`)).size).toBe(failures.length);
    expect(recorded.counters.storeErrors.connection).toBeGreaterThanOrEqual(3);
  });

  it('stop while the server is not there', async () => {
    await redis.kill();
    const recorded = new RecordedConnections(redis);
    const started = recorded.connections.start();
    while (recorded.notices.length < 3) await new Promise(setImmediate);
    await recorded.connections.stop();
    await expect(started).rejects.toThrow(BackplaneUnavailableError);
    await redis.start();
  });
});

describe('a server that falls silent', () => {
  it('has what was asked rejected in time, and never carries out what was given up once it is back', async () => {
    const recorded = await connected();
    const { connections } = recorded;
    await connections.subscribe('one');
    redis.pause();
    try {
      const asked = [
        connections.run(append, { keys: ['list'], argv: ['given up'] }),
        connections.publish('one', new Uint8Array([65])),
      ];
      const startedMs = performance.now();
      const outcomes = await Promise.allSettled(asked);
      expect(performance.now() - startedMs).toBeLessThan(2_000);
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(recorded.causes[0]?.message).toBe('no reply in 500 ms');
      expect(recorded.counters.storeErrors.timeout).toBeGreaterThan(0);
    } finally {
      redis.resume();
    }
    await recorded.connectedTimes(2);
    const before = await redis.command('LRANGE', 'list', 0, -1);
    await connections.run(append, { keys: ['list'], argv: ['new'] });
    expect([[], ['given up']]).toContainEqual(before);
    expect(await redis.command('LRANGE', 'list', 0, -1)).toEqual([...(before as string[]), 'new']);
    expect(await connections.publish('one', new Uint8Array([66]))).toBe(1);
  });
});
