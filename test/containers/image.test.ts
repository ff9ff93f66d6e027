import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { docker } from '../support/docker.js';
import { RawClient } from '../support/raw-client.js';
import { Code } from '../../src/wamp/codes.js';
import { ROUTER_IMAGE } from './images.js';

let container: StartedTestContainer;
const address = (port: number): string => `${container.getHost()}:${container.getMappedPort(port)}`;

/** What a shell in the image says. */
async function shell(command: string): Promise<string> {
  return (await container.exec(['sh', '-c', command])).stdout.trim();
}

beforeAll(async () => {
  container = await new GenericContainer(ROUTER_IMAGE)
    .withExposedPorts(8080, 9090)
    .withDroppedCapabilities('ALL')
    .withSecurityOpt('no-new-privileges:true')
    .withAutoRemove(false)
    .withWaitStrategy(Wait.forHealthCheck())
    .start();
});
afterAll(async () => {
  await docker(['rm', '--force', '--volumes', container.getId()]);
});

it('is healthy, and is a node that clients and probes reach', async () => {
  const client = await RawClient.join(`ws://${address(8080)}/ws`);
  await client.subscribe('com.example.topic');
  client.publish('com.example.topic', [1], { exclude_me: false });
  expect(await client.expect(Code.EVENT)).toMatchObject({ 4: [1] });
  await client.close();
  expect((await fetch(`http://${address(9090)}/readyz`)).status).toBe(200);
  expect(await (await fetch(`http://${address(9090)}/metrics`)).text()).toContain('gantry_sessions ');
});

it('serves the votes demo', async () => {
  for (const path of ['', 'backend.html', 'vendor/autobahn.min.js'])
    expect((await fetch(`http://${address(8080)}/${path}`)).status).toBe(200);
});

it('runs as an unprivileged user, who cannot change what is run', async () => {
  expect(await shell('id -u; id -g')).toBe('1000\n1000');
  expect(await shell('find /app -writable')).toBe('');
});

it('holds one binary of uWebSockets.js, and no package that only development needs', async () => {
  expect((await shell('find / -xdev -name "*.node" 2>&-')).split('\n')).toEqual([
    expect.stringMatching(/^\/app\/node_modules\/@uwsjs\/linux-(x64|arm64)-22\/uws\.node$/),
  ]);
  const packages = (await shell('ls /app/node_modules')).split('\n');
  expect(packages).toEqual(expect.arrayContaining(['ioredis', 'pino', 'prom-client', 'uWebSockets.js', 'yaml', 'zod']));
  for (const name of ['autobahn', 'eslint', 'typescript', 'vitest', 'testcontainers', '@types'])
    expect(packages).not.toContain(name);
  expect(await shell('command -v npm npx yarn corepack || true')).toBe('');
});

it('says what it is: the ports, the signal, the labels', async () => {
  const [{ Config }] = JSON.parse(await docker(['image', 'inspect', ROUTER_IMAGE]));
  expect(Config).toMatchObject({
    User: '1000:1000',
    StopSignal: 'SIGTERM',
    Cmd: ['node', 'dist/main.js', 'start'],
    ExposedPorts: { '8080/tcp': {}, '9090/tcp': {} },
    Labels: { 'org.opencontainers.image.title': 'Gantry', 'org.opencontainers.image.licenses': 'Apache-2.0' },
  });
});

it('drains when it is stopped, and ends with 0', async () => {
  const caller = await RawClient.join(`ws://${address(8080)}/ws`);
  const callee = await RawClient.join(`ws://${address(8080)}/ws`);
  await callee.register('com.example.slow');
  caller.call('com.example.slow', ['in flight']);
  const [, invocation] = await callee.expect(Code.INVOCATION);
  const stopped = docker(['stop', '--time', '30', container.getId()]);
  callee.send([Code.YIELD, invocation, {}, ['done']]);
  expect((await caller.expect(Code.RESULT))[3]).toEqual(['done']);
  for (const client of [caller, callee]) {
    expect((await client.expect(Code.GOODBYE))[2]).toBe('wamp.close.system_shutdown');
    client.send([Code.GOODBYE, {}, 'wamp.close.goodbye_and_out']);
  }
  await stopped;
  expect(await docker(['inspect', '--format', '{{.State.ExitCode}} {{.State.OOMKilled}}', container.getId()])).toBe(
    '0 false',
  );
});
