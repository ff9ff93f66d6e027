import { performance } from 'node:perf_hooks';
import type { NodeId } from '../../wamp/ids.js';
import { RedisConnections } from './connection/connections.js';
import type { ConnectionsEvents, MakeProber } from './connection/ports.js';
import { ShardedConnections } from './connection/sharded-connections.js';
import type { RightsScope } from './connection/store-rights.js';
import { parseStoreUrl } from './connection/store-url.js';
import type { Keys } from './keys.js';
import type { RedisBackplaneOptions } from './options.js';
import type { StoreLink, StoreNotice } from './ports.js';
import type { OutageLog } from './reachability/outage-log.js';
import { Prober } from './reachability/prober.js';
import { loadScripts } from './scripts/loader.js';

interface LinkContext {
  readonly node: NodeId;
  readonly options: RedisBackplaneOptions;
  readonly keys: Keys;
  readonly outages: OutageLog;
}

const nowMs = (): number => performance.now();

/** Connections to one server, or to the primaries of a Redis Cluster. Nothing is started. */
export function createStoreLink({ node, options, keys, outages }: LinkContext, events: ConnectionsEvents): StoreLink {
  const isSharded = options.access.cluster !== undefined;
  const connections = {
    node,
    access: options.access,
    scripts: loadScripts(undefined, isSharded),
    counters: options.counters,
    random: Math.random,
    scope: scopeOf(keys, node, options),
    largestBytes: options.limits.maxMessageBytes ?? 0,
    pubsubBufferBytes: options.limits.pubsubBufferBytes,
    events,
    log: (notice: StoreNotice) => outages.notice(notice),
  };
  if (!isSharded) return new RedisConnections(connections);
  const { prefix, timings, counters } = options;
  const makeProber: MakeProber = (way) => new Prober({ ...way, nowMs, timeoutMs: timings.probeTimeoutMs, counters });
  return new ShardedConnections({ ...connections, prefix, makeProber });
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
