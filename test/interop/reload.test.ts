import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../support/certificate.js';
import { GantryProcess } from '../support/gantry-process.js';
import { ALL_ROLES, RawClient } from '../support/raw-client.js';

const REALM = 'com.example.app';
const permissions = (uri: string) => [
  { uri, match: 'prefix', allow: { call: true, register: true, subscribe: true, publish: true } },
];
const principal = (ticket: string, role = 'user') => ({ ticket, role });

interface Parts {
  readonly principals?: Record<string, object>;
  readonly realms?: object[];
  readonly realm?: object;
  readonly uri?: string;
  readonly [section: string]: unknown;
}

function configOf({ principals = { joe: principal('x') }, realms = [], realm = {}, uri = '', ...rest }: Parts): object {
  const roles = [{ name: 'user', permissions: permissions(uri) }];
  const first = { name: REALM, anonymousRole: null, roles, auth: { ticket: { principals } }, ...realm };
  return { realms: [first, ...realms], demo: { enabled: false }, log: { format: 'json' }, ...rest };
}

let folder: string;
let file: string;
let router: GantryProcess;
let url: string;
let ops: string;

function write(config: object | string): void {
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
}

/** Sends SIGHUP, and resolves with what the log has of it once the words appear. */
async function reload(config: object | string, words = /config\.(reloaded|refused)/): Promise<string> {
  write(config);
  const from = router.text('stderr').length;
  router.signal('SIGHUP');
  await router.printed('stderr', words, from);
  return router.text('stderr').slice(from);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-reload-'));
  file = join(folder, 'gantry.json');
  write(configOf({}));
  router = new GantryProcess(['start', '--config', file, '--port', '0', '--ops-port', '0']);
  url = await router.ready();
  ops = (await router.printed('stdout', /"ops":"([^"]+)"/))[1]!;
});

afterEach(async () => {
  router.signal('SIGTERM');
  await router.exit;
  rmSync(folder, { recursive: true });
});

async function metric(name: string): Promise<number> {
  const page = await (await fetch(new URL('metrics', ops))).text();
  const line = page.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

/** The answer to the ticket of a client, and the client. */
async function attempt(authid: string): Promise<[client: RawClient, answer: unknown[]]> {
  const client = await RawClient.connect(url);
  client.send([1, REALM, { roles: ALL_ROLES, authmethods: ['ticket'], authid }]);
  await client.expect(4);
  client.send([5, 'x', {}]);
  return [client, await client.receive()];
}

async function login(authid: string): Promise<RawClient> {
  const [client, answer] = await attempt(authid);
  expect(answer[0]).toBe(2);
  return client;
}

async function isDenied(authid: string): Promise<void> {
  const [, answer] = await attempt(authid);
  expect(answer).toMatchObject([3, {}, 'wamp.error.authentication_denied']);
}

/** Why the realm refuses an anonymous client. */
async function refusal(realm: string): Promise<unknown> {
  const client = await RawClient.connect(url);
  client.send([1, realm, { roles: ALL_ROLES }]);
  return (await client.receive())[2];
}

async function isRefused(client: RawClient, topic: string): Promise<void> {
  client.request(32, {}, topic);
  expect((await client.expect(8))[4]).toBe('wamp.error.not_authorized');
}

describe('SIGHUP', () => {
  it('admits a new principal, and closes the sessions of one that is gone by name', async () => {
    const joe = await login('joe');
    await isDenied('ann');
    await reload(configOf({ principals: { joe: principal('x'), ann: principal('x') } }));
    const ann = await login('ann');
    await reload(configOf({ principals: { ann: principal('x') } }));
    expect(await joe.expect(6)).toMatchObject([6, { message: expect.any(String) }, 'wamp.close.killed']);
    await isDenied('joe');
    await ann.subscribe('com.example.a');
  });

  it('decides on live sessions by the new permissions', async () => {
    const joe = await login('joe');
    await joe.subscribe('com.example.a');
    await reload(configOf({ uri: 'com.example.b' }));
    await isRefused(joe, 'com.example.a');
    await joe.subscribe('com.example.b');
  });

  it('leaves live sessions as they joined where the realm keeps them', async () => {
    const joe = await login('joe');
    const realm = { onWithdrawn: 'keep' };
    await reload(configOf({ uri: 'com.example.b', principals: { ann: principal('x') }, realm }));
    await joe.subscribe('com.example.a');
    await isRefused(await login('ann'), 'com.example.a');
  });

  it('leaves no session with a registration that an authenticator is to have from now on', async () => {
    const uri = 'com.example.authenticate';
    const ticket = [{ principals: { joe: principal('x') } }, { type: 'dynamic', authenticator: uri }];
    for (const onWithdrawn of ['keep', 'recheck'] as const) {
      await reload(configOf({ realm: { onWithdrawn } }));
      const [holder, patternHolder, other] = [await login('joe'), await login('joe'), await login('joe')];
      await holder.register(uri);
      patternHolder.request(64, { match: 'prefix' }, 'com.');
      await patternHolder.expect(65);
      await reload(configOf({ realm: { onWithdrawn, auth: { ticket } } }));
      for (const client of [holder, patternHolder]) expect((await client.expect(6))[2]).toBe('wamp.close.killed');
      other.request(64, {}, uri);
      expect((await other.expect(8))[4]).toBe('wamp.error.not_authorized');
      await other.register(`com.example.${onWithdrawn}`);
    }
  });

  it('closes live sessions whose role may do less where the realm wants that', async () => {
    const joe = await login('joe');
    await reload(configOf({ uri: 'com.example.b', realm: { onWithdrawn: 'close' } }));
    expect((await joe.expect(6))[2]).toBe('wamp.close.killed');
  });

  it('adds and removes realms', async () => {
    const name = 'com.example.new';
    const added = configOf({ realms: [{ name, roles: [{ name: 'anonymous', permissions: permissions('') }] }] });
    expect(await refusal(name)).toBe('wamp.error.no_such_realm');
    await reload(added);
    const joined = await RawClient.join(url, { realm: name });
    await joined.subscribe('a');
    await reload(configOf({}));
    expect((await joined.expect(6))[2]).toBe('wamp.close.close_realm');
    expect(await refusal(name)).toBe('wamp.error.no_such_realm');
    await reload(added);
    await (await RawClient.join(url, { realm: name })).close();
  });

  it('refuses a login that began before its principal was withdrawn', async () => {
    const client = await RawClient.connect(url);
    client.send([1, REALM, { roles: ALL_ROLES, authmethods: ['ticket'], authid: 'joe' }]);
    await client.expect(4);
    await reload(configOf({ principals: { ann: principal('x') } }));
    client.send([5, 'x', {}]);
    expect((await client.closed).code).toBe(1013);
  });

  it('changes limits, origins and the level of the log', async () => {
    const joe = await login('joe');
    await (await RawClient.connect(url, { origin: 'https://b.example' })).close();
    const listen = { allowedOrigins: ['https://a.example'] };
    write(configOf({ limits: { maxSessions: 1 }, listen, log: { level: 'warn', format: 'json' } }));
    router.signal('SIGHUP');
    await expect.poll(() => metric('gantry_config_reloads_total{result="applied"}')).toBe(1);
    await expect(RawClient.connect(url, { origin: 'https://b.example' })).rejects.toThrow('403');
    const second = await RawClient.connect(url, { origin: 'https://a.example' });
    second.send([1, REALM, { roles: ALL_ROLES, authmethods: ['ticket'], authid: 'joe' }]);
    await second.expect(4);
    second.send([5, 'x', {}]);
    expect((await second.closed).code).toBe(1013);
    await joe.close();
    await (await login('joe')).close();
    const from = router.text('stderr').length;
    await reload('[', /config\.refused/);
    expect(router.text('stderr').slice(from)).not.toContain('SIGHUP');
  });

  it('refuses a bad file with all its faults, and keeps everything', async () => {
    const joe = await login('joe');
    const names = ['gantry_config_hash', 'gantry_config_loaded_timestamp_seconds'];
    const before = await Promise.all(names.map(metric));
    const bad = configOf({ principals: { ann: principal('open-sesame', 'nobody') }, limits: { maxSessions: 'many' } });
    const log = await reload(bad, /"count":2/);
    expect(log).toContain('realms[0].auth.ticket.principals.ann.role: There is no role');
    expect(log).toContain('limits.maxSessions: Invalid input');
    expect(log).not.toContain('open-sesame');
    await reload('realms: [');
    expect(await metric('gantry_config_reloads_total{result="refused"}')).toBe(2);
    expect(await Promise.all(names.map(metric))).toEqual(before);
    await joe.subscribe('com.example.a');
    await (await login('joe')).close();
  });

  it('names what needs a restart, and changes the rest', async () => {
    const config = configOf({ principals: { ann: principal('x') }, limits: { maxConnections: 5 } });
    const log = await reload(config, /needs_restart/);
    expect(log).toContain('needs a restart to change: limits.maxConnections');
    expect(log).toContain('changed: realms');
    expect(await metric('gantry_config_settings_pending')).toBe(1);
    await (await login('ann')).close();
  });
});

describe('gantry.config.reload', () => {
  const admin = { name: 'admin', permissions: [{ uri: 'gantry.config.reload', allow: { call: true } }] };
  const all = (principals: Record<string, object>): object => {
    const roles = [{ name: 'user', permissions: permissions('') }, admin];
    return configOf({ principals: { root: principal('x', 'admin'), ...principals }, realm: { roles } });
  };

  async function answer(client: RawClient): Promise<unknown> {
    client.call('gantry.config.reload');
    return ((await client.expect(50))[3] as unknown[])[0];
  }

  it('answers with what it changed, what needs a restart, and what is wrong', async () => {
    await reload(all({}));
    const root = await login('root');
    write({ ...all({ ann: principal('x') }), limits: { maxConnections: 5 } });
    expect(await answer(root)).toEqual({
      node: expect.any(String),
      result: 'applied',
      changed: ['realms'],
      needsRestart: ['limits.maxConnections'],
    });
    await (await login('ann')).close();
    expect(await answer(root)).toMatchObject({ result: 'unchanged', changed: [] });
    write({ ...all({}), limits: { maxSessions: 'many' } });
    expect(await answer(root)).toMatchObject({
      result: 'refused',
      faults: [expect.stringContaining('limits.maxSessions: Invalid input')],
    });
    await (await login('ann')).close();
  });

  it('needs a permission that names it', async () => {
    const joe = await login('joe');
    joe.call('gantry.config.reload');
    expect((await joe.expect(8))[4]).toBe('wamp.error.not_authorized');
  });
});

describe('a reload under load', () => {
  const SESSIONS = 1_000;

  it('loses none of 1,000 sessions that may stay, nor their events and calls, and closes those that may not', async () => {
    const ticketOf = (names: readonly string[]): Record<string, object> =>
      Object.fromEntries(names.map((name) => [name, principal('x')]));
    const config = (names: readonly string[]): object => configOf({ principals: ticketOf(names) });
    await reload(config(['stays', 'leaves', 'caller']));
    const join = async (names: readonly string[]): Promise<RawClient[]> => Promise.all(names.map(login));
    const clients: RawClient[] = [];
    for (let count = 0; count < SESSIONS; count += 50)
      clients.push(...(await join(Array.from({ length: 50 }, (_, index) => (index % 10 === 0 ? 'leaves' : 'stays')))));
    const [staying, leaving] = [
      clients.filter((_, index) => index % 10 !== 0),
      clients.filter((_, index) => index % 10 === 0),
    ];
    for (const client of staying) await client.subscribe('com.example.news');
    const callee = await login('caller');
    await callee.register('com.example.echo');
    const caller = await login('caller');

    // Calls and events go on all the time.
    const load = { isOver: false };
    let calls = 0;
    const answering = (async () => {
      for (;;) {
        const message = await callee.receive().catch(() => undefined);
        if (message === undefined || message[0] !== 68) return;
        callee.send([70, message[1], {}]);
      }
    })();
    const calling = (async () => {
      while (!load.isOver) {
        caller.call('com.example.echo');
        expect((await caller.receive())[0]).toBe(50);
        await caller.publishAcknowledged('com.example.news', [calls]);
        calls++;
      }
    })();
    for (let round = 0; round < 4; round++) {
      const from = calls;
      await reload(config(['stays', 'caller', ...(round < 3 ? ['leaves'] : []), `new${round}`]));
      await (await login(`new${round}`)).close();
      await expect.poll(() => calls, { timeout: 30_000 }).toBeGreaterThan(from + 2);
    }
    load.isOver = true;
    await calling;
    for (const client of leaving) expect((await client.expect(6))[2]).toBe('wamp.close.killed');
    for (const client of staying) {
      const numbers: unknown[] = [];
      for (const [code, , , , args] of await client.fence()) {
        expect(code).toBe(36);
        numbers.push((args as unknown[])[0]);
      }
      expect(numbers).toEqual(Array.from({ length: calls }, (_, index) => index));
    }
    expect(await metric('gantry_sessions')).toBe(staying.length + 2);
    callee.drop();
    await answering;
    for (const client of [...clients, caller]) client.drop();
  });
});

describe('a certificate', () => {
  const folderOf = (name: string): string => join(folder, name);
  const tls = { certFile: '', keyFile: '' };

  /** Where cert-manager writes: a folder that a link points to, and links through it. */
  function publish(version: string): void {
    const { cert, key } = selfSigned();
    mkdirSync(folderOf(version));
    writeFileSync(join(folderOf(version), 'tls.crt'), cert);
    writeFileSync(join(folderOf(version), 'tls.key'), key);
    symlinkSync(version, folderOf('next'));
    renameSync(folderOf('next'), folderOf('current'));
  }

  async function fingerprint(): Promise<string> {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  }

  beforeEach(async () => {
    router.signal('SIGTERM');
    await router.exit;
    publish('1');
    tls.certFile = join(folderOf('current'), 'tls.crt');
    tls.keyFile = join(folderOf('current'), 'tls.key');
    write(configOf({ listen: { tls } }));
    const environment = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    router = new GantryProcess(['start', '--config', file, '--port', '0', '--ops-port', '0'], environment);
    url = await router.ready();
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  });

  afterEach(() => {
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  });

  it('that is renewed goes to new connections on SIGHUP, and old ones go on', async () => {
    const joe = await login('joe');
    const seen = [await fingerprint()];
    for (const version of ['2', '3']) {
      publish(version);
      expect(await reload(configOf({ listen: { tls } }))).toContain('the certificate in listen.tls.certFile');
      seen.push(await fingerprint());
      await joe.subscribe(`com.example.v${version}`);
      await (await login('joe')).close();
    }
    expect(new Set(seen).size).toBe(3);
    expect(await reload(configOf({ listen: { tls } }))).toContain('nothing to change');
  });

  it('that is replaced on the disk goes to new connections without a signal', async () => {
    const joe = await login('joe');
    const before = await fingerprint();
    const from = router.text('stderr').length;
    publish('2');
    await router.printed('stderr', /certificate\.renewed/, from);
    expect(await fingerprint()).not.toBe(before);
    await joe.subscribe('com.example.a');
  });

  it('that does not fit to its key is refused, and the old one stays', async () => {
    const before = await fingerprint();
    writeFileSync(tls.keyFile, selfSigned().key);
    expect(await reload(configOf({ listen: { tls } }))).toContain('cannot be used together');
    expect(await fingerprint()).toBe(before);
  });
});
