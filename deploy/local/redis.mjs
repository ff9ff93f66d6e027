import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { joinServers } from './redis-cluster.mjs';

const SERVERS = ['redis-server', 'valkey-server'];
const USUAL_URL = 'redis://127.0.0.1:6379';
const START_LIMIT_MS = 5_000;
/** Milliseconds without an answer after which the servers of a Redis Cluster find one of them dead. */
const NODE_TIMEOUT_MS = 5_000;

/**
 * The Redis for this run: the one given, else a server of our own from the PATH, else one that runs at the usual place.
 * `prefix` is ours alone; `release` takes away what is left under it, and the server if it is ours.
 */
export async function findRedis({ url, prefix, path = process.env.PATH ?? '', usualUrl = USUAL_URL }) {
  if (url !== undefined) return borrowed(url, 'as given', prefix);
  const server = onPath(path);
  if (server !== undefined) return ownServer(server);
  if (await answers(usualUrl)) return borrowed(usualUrl, 'found running', prefix);
  throw new Error(
    'there is no Redis: install redis-server or valkey-server, or name one with --redis redis://host:6379, ' +
      'or start one: docker run --rm -p 127.0.0.1:6379:6379 redis:7',
  );
}

/** A Redis Cluster of so many primaries from the PATH, for this run only. `nodes`: their addresses. */
export async function startShards({ count, path = process.env.PATH ?? '' }) {
  const server = onPath(path);
  if (server === undefined) throw new Error('a Redis Cluster needs redis-server or valkey-server: install one');
  const primaries = [];
  const kill = () => primaries.forEach((primary) => primary.kill());
  const release = async () => void (await Promise.all(primaries.map((primary) => primary.release())));
  try {
    // One after the other, so that none gets the port of another one.
    for (let at = 0; at < count; at += 1) primaries.push(await ownServer(server, await clusterWords()));
    await joined(primaries.map(({ url }) => url));
  } catch (error) {
    await release();
    throw error;
  }
  const [{ url }] = primaries;
  const nodes = primaries.map((primary) => new URL(primary.url).host);
  return { url, nodes, origin: `${count} primaries of ${server}, for this run only`, kill, release };
}

async function clusterWords() {
  // Without this setting the bus takes the port 10000 higher, which may be in use.
  return [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    `${NODE_TIMEOUT_MS}`,
    '--cluster-port',
    `${await freePort()}`,
  ];
}

async function joined(urls) {
  const clients = urls.map((url) => new Redis(url, { retryStrategy: null }));
  try {
    // Only a listener receives the reason why a connection failed; the command that follows rejects, too.
    for (const client of clients) client.on('error', () => undefined);
    const servers = clients.map((client) => ({
      port: client.options.port,
      command: (name, ...words) => client.call(name, ...words),
    }));
    await joinServers(servers);
  } finally {
    for (const client of clients) client.disconnect();
  }
}

async function borrowed(url, origin, prefix) {
  await withClient(url, (client) => client.ping());
  return { url, origin, kill: () => undefined, release: () => removeKeys(url, prefix) };
}

async function ownServer(file, more = []) {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-cluster-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const words = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'no',
    ...more,
  ];
  // In a process group of its own: Ctrl-C in the terminal must not end it before the nodes have left.
  const child = spawn(file, words, { stdio: 'ignore', detached: true });
  const ended = once(child, 'exit');
  const kill = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  const release = async () => {
    kill();
    await ended;
  };
  const limitMs = performance.now() + START_LIMIT_MS;
  while (!(await answers(url))) {
    if (child.exitCode === null && performance.now() < limitMs) {
      await wait(20);
      continue;
    }
    await release();
    throw new Error(`${file} does not start: try \`${file} --port ${port}\` to see why`);
  }
  return { url, origin: `${file}, for this run only`, kill, release };
}

async function removeKeys(url, prefix) {
  await withClient(url, async (client) => {
    for await (const keys of client.scanStream({ match: `${prefix}:*`, count: 1_000 }))
      if (keys.length > 0) await client.unlink(...keys);
  });
}

async function answers(url) {
  try {
    await withClient(url, (client) => client.ping());
    return true;
  } catch {
    return false;
  }
}

async function withClient(url, work) {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 2_000, retryStrategy: null });
  let fault;
  // Only this listener receives the reason why a connection failed.
  client.on('error', (error) => (fault = error));
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw new Error(`Redis at ${withoutPassword(url)} cannot be used: ${(fault ?? error).message}`, { cause: error });
  } finally {
    client.disconnect();
  }
}

/** For people to read. */
export function withoutPassword(url) {
  return url.replace(/\/\/[^@/]*@/, '//***@');
}

function onPath(path) {
  const files = path.split(delimiter).flatMap((folder) => SERVERS.map((name) => join(folder, name)));
  return files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
