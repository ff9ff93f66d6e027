import type { Serializer } from './load/endpoint.js';
import { serializers } from './load/endpoint.js';

export type Mode = 'full' | 'quick' | 'smoke';

/** How much of everything a run does. */
export interface Settings {
  readonly mode: Mode;
  /** Runs of each case with each router, in turn. */
  readonly runs: number;
  /** Runs before those, which do not count: code that has just been loaded is slow. */
  readonly coldRuns: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  /** Fan-outs, payload sizes and serializers that are measured with each other. */
  readonly fanouts: readonly number[];
  readonly payloads: readonly number[];
  readonly serializers: readonly Serializer[];
  /** Subscribers that one load process takes care of. */
  readonly subscribersPerProcess: number;
  /** Divisible by three. */
  readonly mixedSubscribers: number;
  readonly chunksPerCall: number;
  /** Runs of the cases that need a router started afresh. */
  readonly memoryRuns: number;
  readonly idleSessions: number;
  /** Sessions of one node; fewer where the machine has no room for them. */
  readonly connections: number;
  /** `limits.maxHandshakesPerSecond` while all of them come back; 0: no limit. */
  readonly handshakeRates: readonly number[];
  readonly subscriptions: number;
  readonly churnCycles: number;
  /** How long one attack lasts. */
  readonly attackMs: number;
  /** The share of an attack's connections that the run opens. */
  readonly attackShare: number;
  /** Nodes of the clusters that are compared, the least first. */
  readonly nodeCounts: readonly number[];
  /** Nodes without clients, in few processes. */
  readonly manyNodes: readonly number[];
  readonly manyNodesTopics: number;
  /** Topics that come all at once on one node of a cluster. */
  readonly stormTopics: number;
  readonly stormSessions: number;
  /** Sessions on two nodes; divisible by two. */
  readonly listedSessions: number;
  /** Events in one history. */
  readonly storedEvents: number;
  /** Divisible by ten. */
  readonly retainedTopics: number;
}

const full: Settings = {
  mode: 'full',
  runs: 3,
  coldRuns: 1,
  warmupMs: 400,
  measureMs: 1_000,
  fanouts: [1, 10, 100, 1_000],
  payloads: [32, 1_024],
  serializers,
  subscribersPerProcess: 512,
  mixedSubscribers: 99,
  chunksPerCall: 1_000,
  memoryRuns: 2,
  idleSessions: 10_000,
  connections: 50_000,
  handshakeRates: [0, 1_000, 2_000, 4_000],
  subscriptions: 100_000,
  churnCycles: 200_000,
  attackMs: 5_000,
  attackShare: 1,
  nodeCounts: [2, 4, 8],
  manyNodes: [2, 8, 16, 32, 64],
  manyNodesTopics: 10_000,
  stormTopics: 50_000,
  stormSessions: 10_000,
  listedSessions: 50_000,
  storedEvents: 100_000,
  retainedTopics: 10_000,
};

const quick: Settings = {
  ...full,
  mode: 'quick',
  runs: 2,
  warmupMs: 300,
  measureMs: 500,
  fanouts: [1, 10, 100],
  serializers: ['json', 'msgpack'],
  memoryRuns: 1,
  idleSessions: 2_000,
  connections: 5_000,
  handshakeRates: [0, 1_000],
  subscriptions: 20_000,
  churnCycles: 10_000,
  attackMs: 3_000,
  manyNodes: [2, 8, 32],
  manyNodesTopics: 5_000,
  stormTopics: 10_000,
  stormSessions: 2_000,
  listedSessions: 5_000,
  storedEvents: 20_000,
  retainedTopics: 2_000,
};

const smoke: Settings = {
  mode: 'smoke',
  runs: 1,
  coldRuns: 0,
  warmupMs: 20,
  measureMs: 60,
  fanouts: [10],
  payloads: [32, 1_024],
  serializers,
  subscribersPerProcess: 5,
  mixedSubscribers: 3,
  chunksPerCall: 20,
  memoryRuns: 1,
  idleSessions: 50,
  connections: 60,
  handshakeRates: [100],
  subscriptions: 200,
  churnCycles: 200,
  attackMs: 100,
  attackShare: 0.05,
  nodeCounts: [2, 3],
  manyNodes: [3],
  manyNodesTopics: 100,
  stormTopics: 600,
  stormSessions: 50,
  listedSessions: 60,
  storedEvents: 200,
  retainedTopics: 50,
};

export function settingsOf(mode: Mode): Settings {
  switch (mode) {
    case 'full':
      return full;
    case 'quick':
      return quick;
    case 'smoke':
      return smoke;
  }
}
