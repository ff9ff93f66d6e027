import type { NodeId } from '../../wamp/ids.js';
import { RedisConnections } from './connection/connections.js';
import type { ConnectionsEvents, MakeProber, Servers } from './connection/ports.js';
import { ShardedConnections } from './connection/sharded-connections.js';
import { SlotMapReader } from './connection/slot-map-reader.js';
import type { RightsScope } from './connection/store-rights.js';
import { parseStoreUrl } from './connection/store-url.js';
import type { Keys } from './keys.js';
import type { RedisBackplaneOptions } from './options.js';
import type { StoreLink, StoreNotice } from './ports.js';
import type { OutageLog } from './reachability/outage-log.js';
import { Prober } from './reachability/prober.js';
import { loadScripts } from './scripts/loader.js';
import type { Surroundings } from './surroundings.js';

interface LinkContext {
  readonly node: NodeId;
  readonly options: RedisBackplaneOptions;
  readonly keys: Keys;
  readonly outages: OutageLog;
  readonly surroundings: Surroundings;
}

/** Connections to one server, or to the primaries of a Redis Cluster. Nothing is started. */
export function createStoreLink(context: LinkContext, events: ConnectionsEvents): StoreLink {
  const { node, options, keys, outages, surroundings } = context;
  const isSharded = options.access.cluster !== undefined;
  const connections = {
    node,
    access: options.access,
    scripts: options.servers === undefined ? loadScripts(undefined, isSharded) : new Map(),
    counters: options.counters,
    random: surroundings.random,
    scope: scopeOf(keys, node, options),
    largestBytes: options.limits.maxMessageBytes ?? 0,
    pubsubBufferBytes: options.limits.pubsubBufferBytes,
    events,
    log: (notice: StoreNotice) => outages.notice(notice),
  };
  if (!isSharded) return new RedisConnections(connections);
  const { prefix, timings, counters } = options;
  const makeProber: MakeProber = (way) =>
    new Prober({ ...way, nowMs: surroundings.nowMs, timeoutMs: timings.probeTimeoutMs, counters });
  return new ShardedConnections({
    ...connections,
    prefix,
    makeProber,
    servers: options.servers ?? serversOf(options),
    // While no server is reached, nothing else keeps the process alive.
    after: surroundings.lastingAfter,
    newMark: surroundings.incarnation,
  });
}

function serversOf({ access }: RedisBackplaneOptions): Servers {
  return { slots: new SlotMapReader(access), connect: (options) => new RedisConnections(options) };
}

/** The names with which the node's rights in the store are checked. */
function scopeOf(keys: Keys, node: NodeId, { prefix, access }: RedisBackplaneOptions): RightsScope {
  const { channels } = keys;
  const channelPattern = channels.nodes.replace(/\{.*$/, '*');
  return {
    key: keys.nodes.meta,
    channels: [channels.nodes, channels.inbox(node), channels.realm('any')],
    database: parseStoreUrl(access.url).database,
    isSharded: access.cluster !== undefined,
    keyPattern: [...new Set([`${prefix}:*`, channelPattern])].join(' '),
    channelPattern,
  };
}
