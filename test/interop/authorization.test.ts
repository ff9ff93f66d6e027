import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type autobahn from 'autobahn';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endingWithUs } from '../support/children.js';
import { gantry, GantryProcess } from '../support/gantry-process.js';
import { findPython } from '../support/python.js';
import { root } from '../support/root.js';
import { autobahnConnection } from './clients/autobahn-client.js';

const page = readFileSync(join(root, 'docs/authorization.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text);
const [permissions = ''] = blocks('yaml');
const withAuthorizer = blocks('yaml').find((text) => text.includes('authorizer:')) ?? '';

const python = findPython();

const folder = mkdtempSync(join(tmpdir(), 'gantry-authorization-'));
const connections: autobahn.Connection[] = [];
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A router with a configuration of the page. */
function documented(yaml: string): { url: () => string } {
  let router: GantryProcess;
  let url: string;
  beforeAll(async () => {
    const file = join(folder, `${yaml.length}.yaml`);
    writeFileSync(file, yaml);
    expect((await gantry(['check', '--config', file])).code).toBe(0);
    router = new GantryProcess(['start', '--config', file, '--port', '0', '--ops-port', '0']);
    url = await router.ready();
  });
  afterAll(async () => {
    router.signal('SIGTERM');
    await router.exit;
  });
  return { url: () => url };
}

function joinAs(url: string, authid: string): Promise<autobahn.Session> {
  const connection = autobahnConnection(url, 'json', {
    realm: 'com.example.app',
    authmethods: ['ticket'],
    authid,
    onchallenge: () => 'open sesame',
  });
  connections.push(connection);
  return new Promise((resolve, reject) => {
    connection.onopen = resolve;
    connection.onclose = (how) => (reject(new Error(how)), true);
    connection.open();
  });
}

/** The URI of the error that the request ends with; '' if it succeeds. */
function errorOf(request: Pending | undefined): Promise<string> {
  return new Promise((resolve) => {
    if (request === undefined) resolve('');
    else
      request.then(
        () => resolve(''),
        (error) => resolve((error as { error: string }).error),
      );
  });
}

interface Pending {
  then(done: (value: unknown) => void, failed: (error: unknown) => void): void;
}

const publishing = (session: autobahn.Session, topic: string) =>
  errorOf(session.publish(topic, [], {}, { acknowledge: true }));
const subscribing = (session: autobahn.Session, topic: string) => errorOf(session.subscribe(topic, () => undefined));
const NOT_AUTHORIZED = 'wamp.error.not_authorized';

describe('the permissions that docs/authorization.md shows', () => {
  const { url } = documented(permissions);

  it('give each user a space, and a principal more than its role', async () => {
    const joe = await joinAs(url(), 'joe');
    const ann = await joinAs(url(), 'ann');
    expect(await publishing(joe, 'com.example.user.joe.inbox')).toBe('');
    expect(await publishing(ann, 'com.example.user.joe.inbox')).toBe(NOT_AUTHORIZED);
    expect(await publishing(joe, 'com.example.user.joey.inbox')).toBe(NOT_AUTHORIZED);
    expect(await subscribing(ann, 'com.example.user.joe.inbox')).toBe(NOT_AUTHORIZED);
    expect(await errorOf(joe.call('com.example.admin.stop'))).toBe(NOT_AUTHORIZED);
    expect(await errorOf(ann.call('com.example.admin.stop'))).toBe('wamp.error.no_such_procedure');
  });
});

const PROGRAMS = [
  // Node.js 20 has no WebSocket of its own.
  [
    'js',
    process.execPath,
    ['--input-type=module', '--eval'],
    "import WebSocket from 'ws';\nglobalThis.WebSocket ??= WebSocket;\n",
  ],
  ['python', python ?? '', ['-c'], ''],
] as const;

describe('the authorizer that docs/authorization.md shows', () => {
  const { url } = documented(withAuthorizer);

  it.each(PROGRAMS.filter(([language]) => language === 'js' || python !== undefined))(
    'works, in %s',
    async (language, program, words, prelude) => {
      const [text = ''] = blocks(language);
      const source = prelude + text.replace('ws://127.0.0.1:8080/ws', url());
      const authorizer = endingWithUs(spawn(program, [...words, source], { cwd: root }));
      try {
        await printing(authorizer, 'authorizer registered');
        await expectDecisions(url());
      } finally {
        authorizer.kill();
      }
    },
  );
});

async function expectDecisions(url: string): Promise<void> {
  const service = await joinAs(url, 'service');
  const callers: unknown[] = [];
  await service.register('com.example.order', (_args, _kwargs, details) => {
    callers.push((details as { caller?: number } | undefined)?.caller);
    return 'ordered';
  });
  const joe = await joinAs(url, 'joe');
  expect(await publishing(joe, 'com.example.room.joe.news')).toBe('');
  expect(await publishing(joe, 'com.example.room.ann.news')).toBe(NOT_AUTHORIZED);
  expect(await subscribing(joe, 'com.example.room.ann.news')).toBe('');
  expect(await subscribing(joe, 'com.example.other')).toBe(NOT_AUTHORIZED);
  expect(await subscribing(joe, 'com.example.public.news')).toBe('');
  expect(await publishing(joe, 'com.example.public.news')).toBe(NOT_AUTHORIZED);
  expect(await joe.call('com.example.order')).toBe('ordered');
  expect(await errorOf(joe.call('com.example.authorize', []))).toBe(NOT_AUTHORIZED);
  expect(await errorOf(joe.register('com.example.mine', () => 1))).toBe(NOT_AUTHORIZED);
  expect(callers).toEqual([joe.id]);
}

function printing({ stdout, stderr }: ChildProcess, words: string): Promise<void> {
  let text = '';
  return new Promise((resolve, reject) => {
    for (const stream of [stdout, stderr])
      stream?.on('data', (bytes: Buffer) => {
        text += bytes.toString();
        if (text.includes(words)) resolve();
      });
    stdout?.on('close', () => reject(new Error(`the program ended: ${text}`)));
  });
}
