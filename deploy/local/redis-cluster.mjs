import { setTimeout as wait } from 'node:timers/promises';

const SLOT_COUNT = 16_384;
const LOOK_MS = 20;

/**
 * Makes one Redis Cluster of servers that are empty, in cluster mode and on this machine. The first `primaryCount` share all slots, the
 * others become their replicas in turn. Resolves when each server finds the cluster usable. It waits for as long as a server needs.
 */
export async function joinServers(servers, primaryCount = servers.length) {
  const [first, ...others] = servers;
  const primaries = servers.slice(0, primaryCount);
  const firstSlot = (at) => Math.ceil((at * SLOT_COUNT) / primaryCount);
  for (const [at, server] of servers.entries()) await server.command('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
  for (const [at, server] of primaries.entries())
    await server.command('CLUSTER', 'ADDSLOTSRANGE', firstSlot(at), firstSlot(at + 1) - 1);
  const busPort = await busPortOf(first);
  for (const server of others) await server.command('CLUSTER', 'MEET', '127.0.0.1', first.port, busPort);
  await until(servers, async (server) => (await knownCount(server)) === servers.length);
  const replicas = servers.slice(primaryCount);
  for (const [at, replica] of replicas.entries())
    await replica.command('CLUSTER', 'REPLICATE', await idOf(primaries[at % primaryCount]));
  await until(servers, isUsable);
  await until(replicas, async (replica) => String(await replica.command('INFO')).includes('master_link_status:up'));
}

/** The port at which other servers of a Redis Cluster reach this one. */
export async function busPortOf(server) {
  const [, port = ''] = await server.command('CONFIG', 'GET', 'cluster-port');
  return port;
}

export async function idOf(server) {
  return String(await server.command('CLUSTER', 'MYID'));
}

/** The server knows an owner of each slot. */
export async function isUsable(server) {
  return String(await server.command('CLUSTER', 'INFO')).includes('cluster_state:ok');
}

/** How many servers this one knows, itself included. */
export async function knownCount(server) {
  const lines = String(await server.command('CLUSTER', 'NODES'))
    .trim()
    .split('\n');
  return lines.filter((line) => !line.includes('handshake')).length;
}

async function until(servers, isSo) {
  for (const server of servers) while (!(await isSo(server))) await wait(LOOK_MS);
}
