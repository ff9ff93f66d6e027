// Several nodes on this machine, over Redis, as processes: `npm run cluster [-- --nodes 5 --port 8080 --redis redis://… | --shards 3]`.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { startNode } from './node-process.mjs';
import { findRedis, startShards, withoutPassword } from './redis.mjs';

const HELP = `npm run cluster -- [options]     run several nodes over Redis until Ctrl-C

  --nodes COUNT      how many (3)
  --port PORT        of the first for clients, the others follow; 0: any free ones (8080)
  --ops-port PORT    the same for health and metrics (9090)
  --redis URL        a Redis to use; otherwise redis-server or valkey-server is started, or one at port 6379 is used
  --shards COUNT     start a Redis Cluster of so many primaries instead

GANTRY_ variables go to every node: GANTRY_CONFIG=gantry.yaml npm run cluster
exit codes: 0 done, 1 start failed or a node died, 2 wrong usage
`;

/** Ctrl-C comes from the terminal and, under npm, once more from npm. */
const SAME_SIGNAL_MS = 1_000;
const ORPHAN_CHECK_MS = 500;
const MAX_SHARDS = 16;

class UsageError extends Error {}

async function main(words) {
  const options = parse(words);
  if (options.help) return print(HELP);
  const stop = stopSignal();
  await portsAreFree([...options.ports, ...options.opsPorts]);

  const prefix = `gantry-local-${randomBytes(4).toString('hex')}`;
  const { shards } = options;
  const redis = await (shards === undefined
    ? findRedis({ url: options.redis, prefix })
    : startShards({ count: shards }));
  process.once('exit', redis.kill);
  try {
    const nodes = startNodes(options, redis, prefix);
    // Whatever ends this process must not leave them behind.
    process.once('exit', () => nodes.forEach((node) => node.signal('SIGKILL')));
    stop.again = () => nodes.forEach((node) => node.signal('SIGKILL'));
    await run(nodes, { ...redis, prefix }, stop);
    nodes.forEach((node) => node.signal('SIGTERM'));
    await Promise.all(nodes.map((node) => node.ended));
  } finally {
    await redis.release();
  }
}

/** Until a signal comes or no node is left. */
async function run(nodes, redis, stop) {
  let isStopping = false;
  const died = nodes.map(async (node) => {
    const how = await node.ended;
    if (isStopping) return;
    process.exitCode = 1;
    complain(`${node.name} died: ${typeof how === 'number' ? `exit code ${how}` : how}`);
  });
  const allDied = Promise.all(died);
  const started = Promise.all(nodes.map((node) => node.ready));
  const addresses = await Promise.race([started, stop.first]);
  if (addresses?.every((each) => each !== undefined)) {
    print(overview(nodes, addresses, redis));
    await Promise.race([stop.first, allDied]);
  }
  isStopping = true;
}

function startNodes({ ports, opsPorts }, { url, nodes: shards }, prefix) {
  const printLine = (line) => process.stderr.write(`${line}\n`);
  return ports.map((port, index) =>
    startNode(
      `node-${index + 1}`,
      {
        GANTRY_LOG_FORMAT: process.env.GANTRY_LOG_FORMAT ?? (process.stderr.isTTY ? 'pretty' : 'json'),
        GANTRY_LISTEN_PORT: `${port}`,
        GANTRY_OPS_PORT: `${opsPorts[index]}`,
        GANTRY_BACKPLANE_URL: url,
        GANTRY_BACKPLANE_REDIS_PREFIX: prefix,
        ...(shards !== undefined && { GANTRY_BACKPLANE_REDIS_CLUSTER_NODES: JSON.stringify(shards) }),
      },
      printLine,
    ),
  );
}

function overview(nodes, addresses, { url, nodes: shards, origin, prefix }) {
  const [first] = addresses;
  const last = addresses.at(-1);
  const lines = nodes.map(
    ({ name, pid }, index) =>
      `  ${name.padEnd(9)}${addresses[index].WebSocket}   ${addresses[index].operations ?? ''}   process ${pid}`,
  );
  if (first['demo page'] !== undefined) {
    lines.push(`  demo     ${addresses.map((each) => each['demo page']).join('  ')}`);
    lines.push(`  back end npm run demo:backend -- ${last.WebSocket}`);
  }
  const servers = shards?.join(' ') ?? withoutPassword(url);
  const store = `  Redis    ${servers} (${origin}), prefix ${prefix}`;
  return [`${nodes.length} nodes are ready`, store, ...lines, ''].join('\n');
}

/** `first` resolves with the first request to stop; later ones, except its echo, call `again`. */
function stopSignal() {
  const stop = { again: () => undefined };
  stop.first = new Promise((resolve) => {
    let firstMs;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
      process.on(signal, () => {
        firstMs ??= performance.now();
        resolve();
        if (performance.now() - firstMs > SAME_SIGNAL_MS) stop.again();
      });
    if (process.env.npm_lifecycle_event !== undefined) onOrphaned(resolve);
  });
  return stop;
}

// A signal to npm ends the shell between npm and this process, and does not reach this process.
function onOrphaned(stop) {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), ORPHAN_CHECK_MS).unref();
}

async function portsAreFree(ports) {
  const taken = [];
  for (const port of ports) {
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      await new Promise((resolve) => server.close(resolve));
    } catch {
      taken.push(port);
    }
  }
  if (taken.length > 0) throw new Error(`taken: port ${taken.join(', ')}. Choose others with --port and --ops-port`);
}

function parse(words) {
  const { values } = parsed(words);
  const count = whole('--nodes', values.nodes, 1, 64);
  const ports = consecutive('--port', values.port, count);
  const opsPorts = consecutive('--ops-port', values['ops-port'], count);
  const shared = ports.find((port) => port !== 0 && opsPorts.includes(port));
  if (shared !== undefined) throw new UsageError(`port ${shared} is in the range of --port and in that of --ops-port`);
  const shards = values.shards === undefined ? undefined : whole('--shards', values.shards, 1, MAX_SHARDS);
  if (shards !== undefined && values.redis !== undefined)
    throw new UsageError('--redis and --shards exclude each other');
  return { help: values.help, redis: values.redis, shards, ports, opsPorts };
}

function parsed(words) {
  try {
    return parseArgs({
      args: words,
      options: {
        nodes: { type: 'string', default: '3' },
        port: { type: 'string', default: '8080' },
        'ops-port': { type: 'string', default: '9090' },
        redis: { type: 'string' },
        shards: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error.message);
  }
}

function consecutive(flag, text, count) {
  const first = whole(flag, text, 0, 65_536 - count);
  return Array.from({ length: count }, (_, index) => (first === 0 ? 0 : first + index));
}

function whole(flag, text, least, most) {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`${flag} wants a whole number from ${least} to ${most}, got "${text}"`);
}

function print(text) {
  process.stdout.write(text);
}

function complain(text) {
  process.stderr.write(`cluster: ${text}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  complain(error instanceof UsageError ? `${error.message}\ntry: npm run cluster -- --help` : error.message);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
process.exit();
