import type { Scenario } from '../bench.js';
import { churn } from './churn.js';
import { fanout } from './fanout.js';
import { idle } from './idle.js';
import { latency } from './latency.js';
import { mixed } from './mixed.js';
import { progressive } from './progressive.js';
import { rpc } from './rpc.js';
import { subscriptions } from './subscriptions.js';

/** In the order of the report. */
export const scenarios: readonly Scenario[] = [fanout, mixed, rpc, progressive, latency, idle, subscriptions, churn];

/** What other routers are measured with, too. */
export const peerScenarios: readonly Scenario[] = [fanout, rpc];
