import { figure, type Figures } from '../cluster/harness/metrics.js';
import { within } from '../cluster/harness/wait.js';
import type { Arena } from './arena.js';

const SWEEP_MS = 12_000;
const SWEEP_COUNT = 40;
/** Windows in which nodes lose Redis, one after the other, before the count of the last one stands. */
const MAX_WINDOWS = 4;
const LOCAL_COUNT = 50;
/** Default of `backplane.cluster.renewMs`. */
const RENEWAL_MS = 2_000;
/** Commands of one node for each renewal, those of its scripts included, and of whatever it does in the background. */
const COMMANDS_PER_RENEWAL = 15;
/** The same over a Redis Cluster: marks and watched inboxes have commands of their own at each primary. */
const COMMANDS_PER_RENEWAL_SHARDED = 60;
const COMMANDS_AT_ONCE = 100;
/** Commands that carry messages, or that tests, replicas and Sentinels send. */
const OTHER_COMMANDS = new Set([
  ...['publish', 'spublish', 'info', 'ping', 'client', 'hello', 'auth', 'config', 'psync', 'replconf'],
  ...['role', 'cluster'],
]);
const CONNECTIONS_PER_NODE = 3;
const CONNECTIONS_MS = 10_000;
const SENT = 'gantry_cluster_items_sent_total{kind="publication"}';
const RELOADS = 'gantry_cluster_mirror_reloads_total';
const RECEIVED = 'gantry_cluster_items_received_total{kind="publication"}';

/** What holds when nobody comes, goes, subscribes or registers: G8 and G9, by counts. Ends the load. */
export async function judgeCalm(arena: Arena): Promise<string[]> {
  const { scene } = arena;
  scene.load.pause();
  await scene.sweep(SWEEP_MS);
  return [...(await judgeCommands(arena)), ...(await judgeInterest(arena)), ...(await judgeConnections(arena))];
}

/**
 * Publications and calls cause no command but PUBLISH: what Redis gets besides does not grow with them (G8). A node that has lost
 * Redis for a moment writes all its rows again, which is no cost of publications: then the next window decides.
 */
async function judgeCommands(arena: Arena): Promise<string[]> {
  for (let count = 1; ; count++) {
    const reloadsBefore = await reloadCount(arena);
    const violations = await judgeWindow(arena);
    if (violations.length === 0) return [];
    const isCalm = (await reloadCount(arena)) === reloadsBefore;
    if (isCalm || count === MAX_WINDOWS) return violations;
  }
}

async function judgeWindow(arena: Arena): Promise<string[]> {
  const { scene } = arena;
  const startMs = Date.now();
  const before = await commandCount(arena);
  const messagesBefore = scene.journal.publications.length + scene.journal.calls.length;
  for (let count = 0; count < SWEEP_COUNT; count++) await scene.sweep(SWEEP_MS);
  const messageCount = scene.journal.publications.length + scene.journal.calls.length - messagesBefore;
  const sentCount = (await commandCount(arena)) - before;
  const renewalCount = scene.fleet.living.length * ((Date.now() - startMs) / RENEWAL_MS + 2);
  const perRenewal = arena.isSharded ? COMMANDS_PER_RENEWAL_SHARDED : COMMANDS_PER_RENEWAL;
  if (sentCount <= renewalCount * perRenewal + COMMANDS_AT_ONCE) return [];
  return [`G8: ${messageCount} publications and calls went with ${sentCount} commands besides PUBLISH`];
}

async function reloadCount({ scene }: Arena): Promise<number> {
  const pages = await Promise.all(scene.fleet.living.map((router) => router.figures()));
  return pages.reduce((sum, page) => sum + (figure(page, RELOADS) ?? 0), 0);
}

async function commandCount(arena: Arena): Promise<number> {
  const text = (await everywhere(arena, 'INFO', 'commandstats')).map(String).join('\n');
  const counts = [...text.matchAll(/^cmdstat_([^:|]+)\S*:calls=(\d+)/gm)];
  return counts.reduce((sum, [, name = '', count]) => sum + (OTHER_COMMANDS.has(name) ? 0 : Number(count)), 0);
}

async function everywhere(arena: Arena, name: string, ...words: readonly string[]): Promise<readonly unknown[]> {
  return Promise.all((await arena.primaries()).map((server) => server.command(name, ...words)));
}

/** What one node wants goes to that node, once, and to no other (G9). */
async function judgeInterest({ scene }: Arena): Promise<string[]> {
  const { living } = scene.fleet;
  const figuresOf = async (): Promise<Figures[]> => Promise.all(living.map((router) => router.figures()));
  const before = await figuresOf();
  const { home, publications } = await scene.load.publishLocally(LOCAL_COUNT);
  const after = await figuresOf();
  return living.flatMap((router, index) => {
    const own = publications.filter(({ session }) => session.node === router.node).length;
    const counted = (name: string): number => (figure(after[index]!, name) ?? 0) - (figure(before[index]!, name) ?? 0);
    const isHome = router.node === home;
    const expected = { sent: isHome ? 0 : own, received: isHome ? publications.length - own : 0 };
    const found = { sent: counted(SENT), received: counted(RECEIVED) };
    if (found.sent === expected.sent && found.received === expected.received) return [];
    const [is, wanted] = [found, expected].map(({ sent, received }) => `${sent} sent and ${received} received`);
    return [`G9: of a topic that ${home} alone wants ${router.node} has ${is!}, not ${wanted!}`];
  });
}

/** As many connections and channels as the nodes need, however many clients and topics there are (G9). */
async function judgeConnections(arena: Arena): Promise<string[]> {
  const { scene, realmCount, isSharded } = arena;
  const { prefix, fleet } = scene;
  const serverCount = (await arena.primaries()).length;
  const nodeCount = fleet.living.length;
  let violations: string[] = [];
  const areRight = async (): Promise<boolean> => {
    const clients = (await everywhere(arena, 'CLIENT', 'LIST')).map(String).join('');
    const connectionCount = [...clients.matchAll(/ name=gantry:/g)].length;
    const list = isSharded ? 'SHARDCHANNELS' : 'CHANNELS';
    const channels = (await everywhere(arena, 'PUBSUB', list, `${prefix}*`)).flat();
    const found: readonly (readonly [what: string, count: number, limit: number])[] = [
      ['connections', connectionCount, nodeCount * CONNECTIONS_PER_NODE * serverCount],
      // The changes of the membership and of each realm, and an inbox for each node; probes for each server of a Redis Cluster.
      ['channels', channels.length, 1 + realmCount + nodeCount * (isSharded ? 1 + serverCount : 1)],
    ];
    violations = found
      .filter(([, count, limit]) => count > limit)
      .map(([what, count, limit]) => `G9: ${nodeCount} nodes have ${count} ${what}, not ${limit}`);
    return violations.length === 0;
  };
  await within(CONNECTIONS_MS, 'the nodes have no more connections than they need', areRight).catch(() => undefined);
  return violations;
}
