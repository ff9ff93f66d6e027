import { readFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { StoreAccess } from '../../../../src/backplane/redis/connection/client-options.js';
import type { ConnectionsOptions } from '../../../../src/backplane/redis/connection/connections.js';
import { loadScripts } from '../../../../src/backplane/redis/scripts/loader.js';
import { CHECK_RIGHTS_FILE, type RightsScope } from '../../../../src/backplane/redis/connection/store-rights.js';
import { StoreUnusableError } from '../../../../src/backplane/redis/connection/store-errors.js';
import { selfSigned, selfSignedFiles } from '../../../support/certificate.js';
import { freePort } from '../../../support/free-port.js';
import { aclRules, COMMANDS } from '../../../support/redis-acl.js';
import { door, luaScripts, RecordedConnections } from '../../../support/redis-connections.js';
import { hasTls } from '../../../support/redis-hosts.js';
import { startPeer, startRedis, startSentinel, type RedisOptions, type RedisServer } from '../../../support/redis.js';

const append = door('append.lua');
const checkRights = loadScripts().get(CHECK_RIGHTS_FILE)!.text;
const scripts = luaScripts({
  'append.lua': "return redis.call('SADD', KEYS[1], ARGV[1])",
  [CHECK_RIGHTS_FILE]: checkRights,
});
const bytes = new Uint8Array([65]);

const SCOPE: RightsScope = {
  key: 'gantry:{nodes}:meta',
  channels: ['gantry:{nodes}:changes', 'gantry:{n:a-1}:inbox', 'gantry:{r:any}:changes'],
  database: 0,
  keyPattern: 'gantry:*',
  channelPattern: 'gantry:*',
};

function connections({
  scope,
  largestBytes,
  ...access
}: Pick<StoreAccess, 'url'> & Partial<StoreAccess> & Checked): RecordedConnections {
  return new RecordedConnections(access, scripts, {
    ...(scope !== undefined && { scope }),
    ...(largestBytes !== undefined && { largestBytes }),
  });
}

type Checked = Partial<Pick<ConnectionsOptions, 'scope' | 'largestBytes'>>;

async function own(options: RedisOptions): Promise<RedisServer> {
  const redis = await startRedis(options);
  onTestFinished(() => redis.stop());
  return redis;
}

/** Everything a node does with the store. */
async function works({ connections }: RecordedConnections, name = 'gantry:x'): Promise<void> {
  await connections.start();
  await connections.subscribe(name);
  expect(await connections.publish(name, bytes)).toBe(1);
  await connections.run(append, { keys: [name], argv: ['member'] });
  for await (const part of connections.scanSet(name)) expect(part).toEqual(['member']);
  for await (const part of connections.scanHash(`${name}:none`)) expect(part).toEqual([]);
  await connections.unsubscribe(name);
}

async function refused(recorded: RecordedConnections, remedy: string | RegExp): Promise<void> {
  const started = recorded.connections.start();
  await expect(started).rejects.toThrow(StoreUnusableError);
  await expect(started).rejects.toThrow(remedy);
  expect(recorded.notices).toContainEqual(expect.objectContaining({ level: 'error', kind: 'unusable' }));
  expect(recorded.counters.storeErrors.refused).toBeGreaterThan(0);
  expect(JSON.stringify(recorded.notices)).not.toContain('sesame');
  const cause = await started.catch((error: unknown) => error);
  expect(String((cause as Error).cause) + JSON.stringify(cause)).not.toContain('sesame');
}

describe('a server with a password', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis({ args: ['--requirepass', 'p@ss'], password: 'p@ss' });
  });
  afterAll(() => redis.stop());

  it('takes it from the URL, or from the setting, which comes first', async () => {
    await works(connections({ url: redis.url.replace('//', '//:p%40ss@') }));
    await works(connections({ url: redis.url.replace('//', '//:wrong@'), password: 'p@ss' }));
    await works(connections({ url: redis.url, username: 'default', password: 'p@ss' }));
  });

  it('ends the start when it is wrong, without printing it', async () => {
    await refused(connections({ url: redis.url, password: 'sesame' }), /check .*backplane\.redis\.password/);
    const inUrl = redis.url.replace('//', '//default:sesame@');
    await refused(connections({ url: inUrl }), /refuses the user name or the password/);
    const list = (await redis.command('CLIENT', 'LIST')) as string;
    expect(list).not.toContain('gantry:');
  });

  it('ends the start when there is none', async () => {
    await refused(connections({ url: redis.url }), /Redis wants a password: set backplane\.redis\.password/);
  });

  it('is waited for when it is changed while the node runs', async () => {
    const recorded = connections({ url: redis.url, password: 'p@ss' });
    await recorded.connections.start();
    await redis.command('CONFIG', 'SET', 'requirepass', 'other');
    await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await recorded.until(() => recorded.edges.length === 2);
    while (!recorded.notices.some(({ kind }) => kind === 'unusable')) await new Promise(setImmediate);
    await redis.command('CONFIG', 'SET', 'requirepass', 'p@ss');
    await recorded.connectedTimes(2);
  });
});

describe('a user with the least rights', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  async function user(...options: Parameters<typeof aclRules>): Promise<StoreAccess> {
    await redis.command('ACL', 'SETUSER', 'gantry', ...aclRules(...options));
    const { url } = redis;
    return { url, username: 'gantry', password: options[0], connectTimeoutMs: 1_000, commandTimeoutMs: 500 };
  }

  it('can do all that a node does, and nothing with what is not of its cluster', async () => {
    const access = await user('secret');
    await works(connections(access));
    const client = new Redis(redis.url, { username: 'gantry', password: 'secret' });
    onTestFinished(() => client.disconnect());
    await expect(client.get('votes:x')).rejects.toThrow('NOPERM');
    await expect(client.publish('votes:x', '')).rejects.toThrow('NOPERM');
    await expect(client.flushall()).rejects.toThrow('NOPERM');
  });

  it('can do so in another database, whose channels have another name', async () => {
    const access = await user('secret', { prefix: 'votes', database: 3 });
    const recorded = connections({ ...access, url: `${redis.url}/3` });
    await recorded.connections.start();
    await recorded.connections.subscribe('votes@3:{nodes}:changes');
    await recorded.connections.run(append, { keys: ['votes:x'], argv: [1] });
    await recorded.connections.run(append, { keys: ['votes@3:{nodes}:changes'], argv: [1] });
    expect(await redis.command('EXISTS', 'votes:x')).toBe(0);
  });

  it('is the one of the operations guide', () => {
    const guide = readFileSync(new URL('../../../../docs/operations.md', import.meta.url), 'utf8');
    const [, words = ''] = /redis-cli ACL SETUSER gantry (.*)$/m.exec(guide) ?? [];
    expect(words.replaceAll("'", '').split(' ')).toEqual(aclRules('secret'));
  });

  it('meets no denial, of what ioredis does by itself neither, whatever else it may not', async () => {
    await redis.command('ACL', 'LOG', 'RESET');
    const recorded = connections({ ...(await user('secret')), scope: SCOPE, largestBytes: 1_000 });
    await works(recorded);
    recorded.connections.reset('test');
    await recorded.connectedTimes(2);
    await recorded.connections.stop();
    expect(await redis.command('ACL', 'LOG')).toEqual([]);
    expect(recorded.notices.filter(({ level }) => level !== 'info' && level !== 'warn')).toEqual([]);
  });

  it('needs each of its rights: without one the start ends, and names it, before anything is written', async () => {
    for (const right of COMMANDS) {
      if (['pubsub|numsub', 'client|kill', 'select'].includes(right)) continue;
      const recorded = connections({ ...(await user('sesame', { without: [right] })), scope: SCOPE });
      await refused(recorded, new RegExp(right.replace('|', '.'), 'i'));
      await recorded.connections.stop();
    }
    expect(await redis.command('KEYS', 'gantry:*')).toEqual(['gantry:x']);
  });

  it('that lacks several, for what only scripts do when a node dies too, learns all of them at once', async () => {
    const without = ['zrem', 'pexpire', 'hdel', 'publish'];
    const recorded = connections({ ...(await user('sesame', { without })), scope: SCOPE });
    await refused(
      recorded,
      'Redis denies rights that Gantry needs for keys gantry:* and channels gantry:*: +publish +pexpire +hdel +zrem: give',
    );
  });

  it('with rights for another prefix learns which it needs', async () => {
    const recorded = connections({ ...(await user('sesame', { prefix: 'votes' })), scope: SCOPE });
    await refused(
      recorded,
      /for keys gantry:\* and channels gantry:\*: \+evalsha \+eval \+publish \+subscribe.* with the patterns ~gantry:\* &gantry:\*, or set backplane\.redis\.prefix/,
    );
  });

  it('may call every command that the scripts call', () => {
    const text = [...loadScripts().values()].map((script) => script.text).join('\n');
    const called = [...text.matchAll(/redis\.p?call\('([A-Za-z]+)'/g)].map(([, name = '']) => name.toLowerCase());
    expect(called.length).toBeGreaterThan(20);
    const names = COMMANDS.map((name) => name.split('|')[0]);
    expect(names).toEqual(expect.arrayContaining([...new Set(called)]));
    expect(text.match(/redis\.p?call\((?!')/)).toBeNull();
  });

  it('does without the right to end its former connections', async () => {
    const recorded = connections(await user('secret', { without: ['client|kill'] }));
    await works(recorded);
    recorded.connections.reset('test');
    await recorded.connectedTimes(2);
  });

  it.each(['info', 'script|load'])('who has not even %s learns what is missing at the start', async (right) => {
    await refused(connections(await user('sesame', { without: [right] })), /denies a right .*(INFO|info|script)/);
  });

  it('who lacks a right later gets it counted and logged', async () => {
    const recorded = connections(await user('secret'));
    await recorded.connections.start();
    await redis.command('ACL', 'SETUSER', 'gantry', '-publish');
    await expect(recorded.connections.publish('gantry:x', bytes)).rejects.toThrow('during publish');
    expect(recorded.counters.storeErrors.refused).toBe(1);
    expect(recorded.notices.at(-1)?.message).toMatch(/publish: Redis denies a right/);
    expect(recorded.connections.isConnected).toBe(true);
  });
});

const describeTls = hasTls() ? describe : (): void => undefined;

describeTls('TLS', () => {
  let redis: RedisServer;
  let url: string;
  beforeAll(async () => {
    const port = await freePort();
    const { cert, key } = selfSigned();
    const tls = ['--tls-port', `${port}`, '--tls-cert-file', '{folder}/cert.pem', '--tls-key-file', '{folder}/key.pem'];
    const args = [...tls, '--tls-ca-cert-file', '{folder}/cert.pem', '--tls-auth-clients', 'optional'];
    redis = await startRedis({ args, ports: [port], files: { 'cert.pem': cert, 'key.pem': key } });
    url = `rediss://127.0.0.1:${port}`;
  });
  afterAll(() => redis.stop());
  const pem = (name: string): string => `${redis.folder}/${name}.pem`;

  it('joins through a server whose certificate is vouched for', async () => {
    const recorded = connections({ url, tls: { caFile: pem('cert') } });
    await works(recorded);
    recorded.connections.reset('test');
    await recorded.connectedTimes(2);
    await works(
      connections({ url: url.replace('rediss', 'valkeys'), tls: { caFile: pem('cert'), serverName: 'localhost' } }),
    );
  });

  it('shows a certificate of its own where it is asked for one', async () => {
    await redis.command('CONFIG', 'SET', 'tls-auth-clients', 'yes');
    onTestFinished(() => redis.command('CONFIG', 'SET', 'tls-auth-clients', 'optional').then(() => undefined));
    const tls = { caFile: pem('cert'), certFile: pem('cert'), keyFile: pem('key') };
    await works(connections({ url, tls }));
  });

  it('ends the start when nobody vouches for the server, or for another one', async () => {
    await refused(connections({ url }), /certificate of Redis is not trusted.*set backplane\.redis\.tls\.caFile/);
    const tls = { caFile: pem('cert'), serverName: 'redis.example' };
    await refused(connections({ url, tls }), /certificate of Redis is for another host/);
  });

  it('ends the start when a file cannot be read or used', async () => {
    await refused(connections({ url, tls: { caFile: pem('none') } }), /tls\.caFile: .*none\.pem cannot be read/);
    const tls = { caFile: pem('cert'), certFile: pem('key'), keyFile: pem('key') };
    await refused(connections({ url, tls }), /the files of backplane\.redis\.tls cannot be used/);
  });

  it('is asked for in so many words when the server has none', async () => {
    const access = { url: redis.url.replace('redis:', 'rediss:'), tls: { caFile: pem('cert') }, connectTimeoutMs: 100 };
    const recorded = connections(access);
    const started = recorded.connections.start();
    while (recorded.notices.length === 0) await new Promise(setImmediate);
    expect(recorded.notices[0]?.message).toBe('no connection with TLS in 100 ms: does Redis speak TLS on this port?');
    const stopped = recorded.connections.stop();
    await expect(started).rejects.toThrow('during start');
    await stopped;
  });
});

describe('a server behind a router that goes by the name it receives (SNI)', () => {
  it('is found by name, by the name that is configured, and at an address without one; Sentinels too', async () => {
    const redis = await startPeer();
    onTestFinished(() => redis.stop());
    const sentinel = await startSentinel('votes', redis);
    onTestFinished(() => sentinel.stop());
    const [server, watcher] = [await nameRouter(redis.port), await nameRouter(sentinel.port)];
    const tls = { caFile: server.certFile };
    await works(connections({ url: `rediss://localhost:${server.port}`, tls }));
    expect(server.names).toEqual(['localhost', 'localhost', 'localhost']);
    server.names.length = 0;
    await works(connections({ url: `rediss://127.0.0.1:${server.port}`, tls: { ...tls, serverName: 'localhost' } }));
    expect(new Set(server.names)).toEqual(new Set(['localhost']));
    const sentinels = { master: 'votes', nodes: [`localhost:${watcher.port}`], tls: true };
    await works(connections({ url: 'redis://ignored', sentinels, tls: { caFile: watcher.certFile } }));
    expect(new Set(watcher.names)).toEqual(new Set(['localhost']));
    const nameless = connections({ url: `rediss://127.0.0.1:${server.port}`, tls });
    const started = nameless.connections.start();
    // The router sends no name, so the server rejects the connection; that is no reason to name a remedy, or to give up.
    while (nameless.notices.length === 0) await new Promise(setImmediate);
    expect(nameless.notices[0]).toMatchObject({ kind: 'attempt_failed' });
    void nameless.connections.stop();
    await expect(started).rejects.toThrow('during start');
  });
});

/** Passes on to a port what comes over TLS for the name localhost, and turns everything else away. */
async function nameRouter(port: number) {
  const { cert, key } = selfSigned();
  const files = selfSignedFiles({ cert, key });
  const names: string[] = [];
  const server = createServer({ cert, key }, (socket) => {
    const name = socket.servername;
    if (typeof name !== 'string' || name === '') return socket.destroy();
    names.push(name);
    const onward = connect(port, '127.0.0.1');
    for (const end of [socket, onward]) end.on('error', () => undefined);
    socket.pipe(onward).pipe(socket);
    return undefined;
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    files.remove();
  });
  return { port: (server.address() as AddressInfo).port, certFile: files.certFile, names };
}

describe('a server', () => {
  it('may be at a unix socket', async () => {
    const redis = await own({ args: ['--unixsocket', '{folder}/redis.sock', '--unixsocketperm', '777'] });
    const recorded = connections({ url: `unix:${redis.folder}/redis.sock?db=2` });
    await works(recorded);
    await redis.command('SELECT', 2);
    expect(await redis.command('SMEMBERS', 'gantry:x')).toEqual(['member']);
    redis.pause();
    await expect(recorded.connections.publish('a', bytes)).rejects.toThrow();
    redis.resume();
    await recorded.connectedTimes(2);
  });

  it('in cluster mode is refused', async () => {
    const redis = await own({ args: ['--cluster-enabled', 'yes'] });
    await refused(connections(redis), /cluster mode: set backplane\.redis\.cluster\.nodes/);
    await refused(connections({ url: `${redis.url}/1` }), /cluster mode: set backplane\.redis\.cluster\.nodes/);
  });

  it('without the database that is asked for is refused, rather than used with another', async () => {
    const redis = await own({ args: ['--databases', '4'] });
    await refused(connections({ url: `${redis.url}/4` }), /no such database/);
  });

  it('that may throw keys away is used, with a warning', async () => {
    const redis = await own({ args: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'] });
    const recorded = connections(redis);
    await works(recorded);
    const [warning, ...others] = recorded.notices.filter(({ kind }) => kind === 'may_evict');
    expect(warning).toMatchObject({ level: 'warn', message: expect.stringContaining('allkeys-lru') as string });
    expect(others).toEqual([]);
  });

  it('whose buffers are too small for what clients may send is used, with a warning, as long as it is', async () => {
    const redis = await own({ args: ['--client-output-buffer-limit', 'pubsub 1mb 0 0'] });
    for (const [largestBytes, warnings] of [
      [700_000, 0],
      [800_000, 1],
    ] as const) {
      const recorded = connections({ url: redis.url, scope: SCOPE, largestBytes });
      await works(recorded);
      recorded.connections.reset('test');
      await recorded.connectedTimes(2);
      expect(recorded.connections.maxPublishBytes).toBe(786_432);
      expect(recorded.notices.filter(({ kind }) => kind === 'small_buffer')).toHaveLength(warnings);
    }
    await redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 0 0 0');
    const unbounded = connections({ url: redis.url, scope: SCOPE, largestBytes: 800_000 });
    await works(unbounded);
    expect(unbounded.connections.maxPublishBytes).toBe(Infinity);
  });

  it('that has no memory left fails what writes, and reports why', async () => {
    const redis = await own({});
    const recorded = connections(redis);
    await works(recorded);
    await redis.command('CONFIG', 'SET', 'maxmemory', 1);
    await expect(recorded.connections.run(append, { keys: ['gantry:x'], argv: [1] })).rejects.toThrow('append.lua');
    expect(recorded.notices.at(-1)?.message).toMatch(/used up its maxmemory/);
    expect(recorded.counters.storeErrors.refused).toBe(1);
  });

  it('that became a replica is left, and waited for until it is none', async () => {
    const redis = await own({});
    const recorded = connections(redis);
    await works(recorded);
    await redis.command('REPLICAOF', '127.0.0.1', 1);
    await expect(recorded.connections.run(append, { keys: ['gantry:x'], argv: [1] })).rejects.toThrow('append.lua');
    expect(recorded.edges).toEqual(['connected', 'disconnected bus']);
    while (!recorded.notices.some(({ message }) => message.includes('is a replica'))) await new Promise(setImmediate);
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await recorded.connectedTimes(2);
  });
});
