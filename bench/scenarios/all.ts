import type { Scenario } from '../bench.js';
import { auth } from './auth.js';
import { authorization } from './authorization.js';
import { bulk } from './bulk.js';
import { churn } from './churn.js';
import { fanout as clusterFanout } from './cluster/fanout.js';
import { local } from './cluster/local.js';
import { mirror } from './cluster/mirror.js';
import { nodes } from './cluster/nodes.js';
import { rpc as clusterRpc } from './cluster/rpc.js';
import { sessions, topics } from './cluster/storms.js';
import { connections } from './connections.js';
import { fanout } from './fanout.js';
import { hostile } from './hostile.js';
import { idle } from './idle.js';
import { latency } from './latency.js';
import { manyNodes } from './many-nodes.js';
import { meta } from './meta.js';
import { mixed } from './mixed.js';
import { processes } from './processes.js';
import { progressive } from './progressive.js';
import { rawsocket } from './rawsocket.js';
import { rpc } from './rpc.js';
import { subscriptions } from './subscriptions.js';

/** In the order of the report. */
export const scenarios: readonly Scenario[] = [
  fanout,
  mixed,
  bulk,
  rpc,
  rawsocket,
  progressive,
  latency,
  idle,
  connections,
  subscriptions,
  churn,
  auth,
  authorization,
  meta,
  manyNodes,
  processes,
  hostile,
];

/** Scenarios for other routers, too. */
export const peerScenarios: readonly Scenario[] = [fanout, rpc];

/** Scenarios of nodes over Redis. The one with the most nodes comes after all that want two. */
export const clusterScenarios: readonly Scenario[] = [
  clusterFanout,
  clusterRpc,
  local,
  topics,
  sessions,
  nodes,
  mirror,
];
