import { afterAll, beforeAll, expect, it } from 'vitest';
import { docker } from '../support/docker.js';
import { RawClient } from '../support/raw-client.js';
import { Code } from '../../src/wamp/codes.js';
import { ROUTER_IMAGE } from './images.js';
import { until } from './until.js';

let container: string;
let addresses: { readonly clients: string; readonly operations: string };

/** The output of a shell in the image. */
function shell(command: string): Promise<string> {
  return docker(['exec', container, 'sh', '-c', command]);
}

const FIND_BINARIES = 'find / -xdev -name "*.node" 2>/dev/null || true';

/** The paths without the packages of koffi and msgpackr. */
function binariesIn(paths: string): string[] {
  return paths
    .split('\n')
    .filter((path) => !/\/@(koromix\/koffi|msgpackr-extract\/msgpackr-extract)-linux-/.test(path));
}

async function published(port: number): Promise<string> {
  return (await docker(['port', container, String(port)])).split('\n')[0]!;
}

beforeAll(async () => {
  const limits = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--stop-timeout', '30'];
  const ports = ['--publish', '127.0.0.1::8080', '--publish', '127.0.0.1::9090'];
  container = await docker(['run', '--detach', '--health-interval', '1s', ...limits, ...ports, ROUTER_IMAGE]);
  addresses = { clients: await published(8080), operations: await published(9090) };
  await until('the container to be healthy', async () => {
    return (await docker(['inspect', '--format', '{{.State.Health.Status}}', container])) === 'healthy';
  });
});
afterAll(async () => {
  await docker(['rm', '--force', '--volumes', container]);
});

it('takes the words of the command line, and prints nothing but JSON while it runs', async () => {
  expect(await docker(['run', '--rm', ROUTER_IMAGE, '--help'])).toContain('usage:');
  expect(await docker(['run', '--rm', ROUTER_IMAGE, 'check'])).toBe('configuration is usable');
  const lines = (await docker(['logs', container])).split('\n').filter((line) => line !== '');
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ event: expect.any(String) });
});

it('is healthy, and is a node that clients and probes reach', async () => {
  const client = await RawClient.join(`ws://${addresses.clients}/ws`);
  await client.subscribe('com.example.topic');
  client.publish('com.example.topic', [1], { exclude_me: false });
  expect(await client.expect(Code.EVENT)).toMatchObject({ 4: [1] });
  await client.close();
  expect((await fetch(`http://${addresses.operations}/readyz`)).status).toBe(200);
  expect(await (await fetch(`http://${addresses.operations}/metrics`)).text()).toContain('gantry_sessions ');
});

it('serves the votes demo', async () => {
  for (const path of ['', 'backend.html', 'vendor/autobahn.min.js'])
    expect((await fetch(`http://${addresses.clients}/${path}`)).status).toBe(200);
});

it('runs as an unprivileged user, on a file system that cannot be written', async () => {
  expect(await shell('id -u; id -g')).toBe('1000\n1000');
  expect(await shell('touch /tmp/file /app/file 2>&1 || true')).toMatch(/(Read-only file system[^]*){2}/);
});

it('holds one binary of uWebSockets.js, and no package that only development needs', async () => {
  expect(binariesIn(await shell(FIND_BINARIES))).toEqual([
    expect.stringMatching(/^\/app\/node_modules\/@uwsjs\/linux-(x64|arm64)-24\/uws\.node$/),
  ]);
  const packages = (await shell('ls /app/node_modules')).split('\n');
  expect(packages).toEqual(expect.arrayContaining(['ioredis', 'pino', 'prom-client', 'uWebSockets.js', 'yaml', 'zod']));
  for (const name of ['autobahn', 'eslint', 'typescript', 'vitest', 'testcontainers', '@types'])
    expect(packages).not.toContain(name);
  expect(await shell('command -v npm npx yarn corepack || true')).toBe('');
});

it('built with Node.js 22, for which two versions of uWebSockets.js have a binary, holds the one that it loads', async () => {
  const image = 'gantry:test-node-22';
  await docker(['build', '--build-arg', 'NODE=22', '--target', 'router', '--tag', image, '.']);
  const inImage = (...words: string[]): Promise<string> => docker(['run', '--rm', '--entrypoint', '', image, ...words]);
  expect(binariesIn(await inImage('sh', '-c', FIND_BINARIES))).toEqual([
    expect.stringMatching(/^\/app\/node_modules\/@uwsjs\/linux-(x64|arm64)-22\/uws\.node$/),
  ]);
  const load = 'await import("/app/dist/transport/uws/uws-library.js"); console.log(process.versions.node)';
  expect(await inImage('node', '--input-type=module', '-e', load)).toMatch(/^22\./);
});

it('reports what it is: the ports, the signal, the labels', async () => {
  const [{ Config }] = JSON.parse(await docker(['image', 'inspect', ROUTER_IMAGE]));
  expect(Config).toMatchObject({
    User: '1000:1000',
    StopSignal: 'SIGTERM',
    Entrypoint: ['node', 'dist/main.js'],
    Cmd: ['start'],
    ExposedPorts: { '8080/tcp': {}, '9090/tcp': {} },
    Labels: { 'org.opencontainers.image.title': 'Gantry', 'org.opencontainers.image.licenses': 'Apache-2.0' },
  });
});

it('drains when it is stopped, and ends with 0', async () => {
  const caller = await RawClient.join(`ws://${addresses.clients}/ws`);
  const callee = await RawClient.join(`ws://${addresses.clients}/ws`);
  await callee.register('com.example.slow');
  caller.call('com.example.slow', ['in flight']);
  const [, invocation] = await callee.expect(Code.INVOCATION);
  const stopped = docker(['stop', container]);
  callee.send([Code.YIELD, invocation, {}, ['done']]);
  expect((await caller.expect(Code.RESULT))[3]).toEqual(['done']);
  for (const client of [caller, callee]) {
    expect((await client.closed).code).toBe(1012);
    expect(client.unread).toEqual([]);
  }
  await stopped;
  expect(await docker(['inspect', '--format', '{{.State.ExitCode}} {{.State.OOMKilled}}', container])).toBe('0 false');
});
