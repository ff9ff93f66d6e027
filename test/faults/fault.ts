import type { Way, Which } from '../support/fault-proxy.js';

/** One thing that goes wrong, with all that decides how. Places are those of routers. */
export type Fault =
  | { readonly what: 'kill'; readonly places: readonly number[]; readonly backAfterMs: number }
  | { readonly what: 'pause'; readonly place: number; readonly forMs: number }
  | { readonly what: 'roll' }
  | { readonly what: 'join'; readonly staysMs: number }
  | { readonly what: 'restart-store'; readonly downMs: number; readonly keepsData: boolean }
  | { readonly what: 'freeze-store'; readonly forMs: number }
  | { readonly what: 'flush-store' }
  | { readonly what: 'flush-scripts' }
  | { readonly what: 'fill-store'; readonly forMs: number }
  | { readonly what: 'fail-over'; readonly staleMs: number }
  | { readonly what: 'kill-connections'; readonly type: 'normal' | 'pubsub' }
  | { readonly what: 'reset-connections'; readonly place: number; readonly which?: Which }
  | { readonly what: 'cut'; readonly place: number; readonly forMs: number }
  | {
      readonly what: 'hold';
      readonly place: number;
      readonly forMs: number;
      readonly which?: Which;
      readonly way?: Way;
    }
  | {
      readonly what: 'lose';
      readonly place: number;
      readonly forMs: number;
      readonly which?: Which;
      readonly way?: Way;
    }
  | { readonly what: 'delay'; readonly place: number; readonly forMs: number; readonly byMs: number }
  | { readonly what: 'throttle'; readonly place: number; readonly forMs: number; readonly bytesPerSecond: number };

export type What = Fault['what'];
export type FaultOf<Kind extends What> = Extract<Fault, { what: Kind }>;

const COUNTS = ['no node', 'one node', 'two nodes', 'three nodes', 'four nodes', 'five nodes'];

/** As a row of the table names it: faults that are to be told apart have names of their own. */
export function labelOf(fault: Fault, nodeCount: number): string {
  switch (fault.what) {
    case 'kill':
      return fault.places.length === nodeCount
        ? 'kill -9, all nodes'
        : `kill -9, ${COUNTS[fault.places.length] ?? 'many nodes'}`;
    case 'pause':
      return `SIGSTOP for ${seconds(fault.forMs)}`;
    case 'roll':
      return 'rolling restart';
    case 'join':
      return 'a node joins and leaves';
    case 'restart-store':
      return fault.keepsData ? 'Redis killed, back with its data' : 'Redis killed, back empty';
    case 'freeze-store':
      return `Redis frozen, ${fault.forMs < 3_000 ? 'shorter' : 'longer'} than a command may take`;
    case 'flush-store':
      return 'FLUSHALL';
    case 'flush-scripts':
      return 'SCRIPT FLUSH';
    case 'fill-store':
      return 'Redis full';
    case 'fail-over':
      return fault.staleMs === 0 ? 'failover by Sentinel' : 'failover by Sentinel to a stale replica';
    case 'kill-connections':
      return `CLIENT KILL TYPE ${fault.type}`;
    case 'reset-connections':
      return `connections of a node reset: ${fault.which ?? 'all'}`;
    case 'cut':
      return `connections of a node closed for ${fault.forMs < ABSENT_MS ? 'a moment' : lasting(fault.forMs)}`;
    case 'hold':
      return `stalled ${direction(fault.way)} for ${lasting(fault.forMs)}`;
    case 'lose':
      return `half-open ${direction(fault.way)} for ${lasting(fault.forMs)}`;
    case 'delay':
      return 'delayed';
    case 'throttle':
      return 'throttled';
  }
}

/** Seconds with the default lease: longer than this between two renewals a node may be declared dead for. */
export const MORTAL_MS = 4_500;

/** The same where its connections were closed. */
export const ABSENT_MS = 1_000;

function lasting(ms: number): string {
  return ms < MORTAL_MS ? 'less than a lease' : 'a lease and longer';
}

function direction(way: Way | undefined): string {
  return way === undefined ? 'both ways' : way.replace('-', ' ').replace('store', 'Redis');
}

function seconds(ms: number): string {
  return `${ms / 1_000} s`;
}
