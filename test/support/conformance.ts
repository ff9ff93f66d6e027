import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import type { Scheduler } from '../../src/backplane/memory/lane.js';
import type { ConfigInput } from '../../src/config/schema.js';
import type { Counters } from '../../src/telemetry/counters.js';
import type { TransportType } from '../../src/transport/connection.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { startCluster, startRedisCluster, startShardedCluster, stopShards, type TestCluster } from './cluster.js';
import { RawClient, type ConnectOptions, type JoinOptions } from './raw-client.js';

const SERIALIZERS: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];
const TOPOLOGIES: readonly Topology[] = [
  { name: '1 node', nodeCount: 1 },
  // The messages are those of the WebSocket; only their frames differ.
  { name: '1 node, RawSocket', nodeCount: 1, transport: 'rawsocket', serializers: ['msgpack'] },
  { name: '3 nodes in process', nodeCount: 3 },
  // As autobahn-js has it.
  { name: '3 nodes in process, long-poll', nodeCount: 3, transport: 'longpoll', serializers: ['json'] },
  { name: '3 nodes over Redis', nodeCount: 3, store: 'redis' },
  // Long: the messages are those of one server, and test/contract shows that the backplane is the same.
  ...(process.env['GANTRY_TEST_SHARDS'] === 'yes'
    ? [{ name: '3 nodes over a Redis Cluster', nodeCount: 3, store: 'shards', serializers: ['msgpack'] } as const]
    : []),
];

const STARTS = { redis: startRedisCluster, shards: startShardedCluster } as const;

/** Chapters about what only the WebSocket has. */
const WEBSOCKET_CHAPTERS: ReadonlySet<string> = new Set([
  'the WebSocket',
  'TCP segments and WebSocket frames',
  'batched sub-protocols',
]);

/** Chapters of a realm that checks request ids: those of long-poll are not checked, because its messages overtake each other. */
const ORDERED_CHAPTERS: ReadonlySet<string> = new Set([
  'progressive-invocations with request ids checked',
  'violations end the session, and nobody else notices',
]);

interface Topology {
  readonly name: string;
  readonly nodeCount: number;
  /** Absent: the nodes are in this process. */
  readonly store?: 'redis' | 'shards';
  /** Absent: WebSocket. */
  readonly transport?: TransportType;
  /** Absent: all. */
  readonly serializers?: readonly SerializerId[];
}

/** The router as one test sees it. */
export interface Router {
  readonly serializer: SerializerId;
  readonly transport: TransportType;
  readonly nodeCount: number;
  readonly cluster: TestCluster;
  /** Where clients of this transport connect to a node, counted round. */
  url(node: number): string;
  /** A connection to the next node in turn, without a session. Closed after the test. */
  connect(options?: ConnectOptions): Promise<RawClient>;
  /** A joined session on the next node in turn: sessions of one test are spread over the nodes. Closed after the test. */
  join(options?: JoinOptions): Promise<RawClient>;
  /** Joined sessions, all on one node of the tester's choice. */
  joinAt(node: number, options?: JoinOptions): Promise<RawClient>;
  connectAt(node: number, options?: ConnectOptions): Promise<RawClient>;
  /** A counter, summed over the nodes. */
  counted(read: (counters: Counters) => number): number;
}

/**
 * Declares one chapter of the protocol for every serializer and topology: what a client sees must not depend on
 * either. `router()` is valid inside a test; `transport`: for tests about one of them. `each`: whether all tests of the
 * chapter share a cluster, or each has its own, for changes that a node does not come back from. `schedule`: how messages
 * between nodes of one process travel.
 */
export function describeConformance(
  chapter: string,
  declare: (router: () => Router, transport: TransportType) => void,
  config?: ConfigInput,
  each: 'chapter' | 'test' = 'chapter',
  schedule?: Scheduler,
): void {
  // After all chapters of the file. The signal that ends a worker leaves its servers running.
  afterAll(stopShards);
  for (const { name, nodeCount, store, transport = 'websocket', serializers = SERIALIZERS } of TOPOLOGIES) {
    if (transport !== 'websocket' && WEBSOCKET_CHAPTERS.has(chapter)) continue;
    if (transport === 'longpoll' && ORDERED_CHAPTERS.has(chapter)) continue;
    const settings = transport === 'rawsocket' ? { ...config, listeners: [{ type: transport, port: 0 }] } : config;
    for (const serializer of serializers) {
      describe(`${chapter} [${serializer}, ${name}]`, () => {
        let cluster: TestCluster;
        let nextNode = 0;
        let clients: RawClient[] = [];
        const [before, after] = each === 'chapter' ? [beforeAll, afterAll] : [beforeEach, afterEach];
        before(async () => {
          cluster =
            store === undefined
              ? await startCluster(nodeCount, settings, schedule)
              : await STARTS[store](nodeCount, settings);
        });
        after(() => cluster.stop());
        afterEach(() => {
          for (const client of clients) client.drop();
          clients = [];
        });

        const every = { serializer };
        const urlOf = (node: number): string => {
          if (transport === 'rawsocket') return cluster.nodes[node % nodeCount]!.addresses.listeners[0]!;
          return transport === 'longpoll' ? longPollUrls(cluster, node) : cluster.url(node);
        };
        const keep = (client: RawClient): RawClient => {
          clients.push(client);
          return client;
        };
        declare(
          () => ({
            serializer,
            transport,
            nodeCount,
            cluster,
            url: urlOf,
            connect: async (options) => keep(await RawClient.connect(urlOf(nextNode++), { ...every, ...options })),
            join: async (options) => keep(await RawClient.join(urlOf(nextNode++), { ...every, ...options })),
            connectAt: async (node, options) => keep(await RawClient.connect(urlOf(node), { ...every, ...options })),
            counted: (read) => cluster.nodes.reduce((sum, { counters }) => sum + read(counters), 0),
            joinAt: async (node, options) => keep(await RawClient.join(urlOf(node), { ...every, ...options })),
          }),
          transport,
        );
      });
    }
  }
}

/** The requests of a client go to one node after the other. */
function longPollUrls(cluster: TestCluster, node: number): string {
  const urls = cluster.nodes.map((_, index) => cluster.url(node + index).replace(/^ws(.*)\/ws$/, 'lp$1/lp'));
  return urls.join(',');
}
