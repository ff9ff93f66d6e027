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
  | { readonly what: 'flush-scripts'; readonly times?: number }
  | { readonly what: 'flush-new-realm'; readonly afterMs: number }
  | { readonly what: 'fill-store'; readonly forMs: number }
  | { readonly what: 'fail-over'; readonly staleMs: number }
  | { readonly what: 'shard-fail-over'; readonly shard: number }
  | { readonly what: 'shard-kill'; readonly shard: number; readonly downMs: number }
  | { readonly what: 'shard-freeze'; readonly shard: number; readonly forMs: number }
  | { readonly what: 'shard-flush'; readonly shard: number }
  | { readonly what: 'move-slots'; readonly shard: number; readonly to: number; readonly isWhole: boolean }
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
  | { readonly what: 'throttle'; readonly place: number; readonly forMs: number; readonly bytesPerSecond: number }
  | { readonly what: 'slow-reader'; readonly place: number; readonly publisherPlace: number }
  | { readonly what: 'flood'; readonly place: number; readonly by: FloodMessage };

/** What a client floods a node with: publications that nobody wants, or calls of what nobody has registered. */
export type FloodMessage = 'publish' | 'call';

export type What = Fault['what'];
export type FaultOf<Kind extends What> = Extract<Fault, { what: Kind }>;

const COUNTS = ['no node', 'one node', 'two nodes', 'three nodes', 'four nodes', 'five nodes'];

/** The name in a row of the table: different faults have different names. */
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
      return fault.times === undefined ? 'SCRIPT FLUSH' : 'SCRIPT FLUSH, many times';
    case 'flush-new-realm':
      return 'FLUSHALL in the first second of a realm';
    case 'fill-store':
      return 'Redis full';
    case 'fail-over':
      return fault.staleMs === 0 ? 'failover by Sentinel' : 'failover by Sentinel to a stale replica';
    case 'shard-fail-over':
      return 'failover of one primary, by hand';
    case 'shard-kill':
      return 'one primary killed';
    case 'shard-freeze':
      return `one primary frozen, ${fault.forMs < SHARD_MORTAL_MS ? 'for a moment' : 'and replaced'}`;
    case 'shard-flush':
      return 'FLUSHALL of one primary';
    case 'move-slots':
      return `slots moved: ${fault.isWhole ? 'many' : 'those in use'}`;
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
    case 'slow-reader':
      return 'a client stops reading';
    case 'flood':
      return `a client floods a node: ${fault.by === 'call' ? 'CALL' : 'PUBLISH'}`;
  }
}

/** Servers and places that a fault needs for itself while it lasts. Undefined: nothing else may be wrong at that time. */
function needsOf(fault: Fault): readonly (number | 'store' | 'every place')[] | undefined {
  switch (fault.what) {
    case 'kill':
      return fault.places;
    case 'pause':
    case 'reset-connections':
    case 'cut':
    case 'hold':
    case 'lose':
    case 'delay':
    case 'throttle':
      return [fault.place];
    case 'roll':
      return ['every place'];
    case 'join':
      return [];
    case 'restart-store':
    case 'freeze-store':
    case 'flush-store':
    case 'flush-scripts':
    case 'fill-store':
    case 'fail-over':
    case 'shard-fail-over':
    case 'shard-kill':
    case 'shard-freeze':
    case 'shard-flush':
    case 'move-slots':
    case 'kill-connections':
      return ['store'];
    case 'flush-new-realm':
    case 'slow-reader':
    case 'flood':
      return undefined;
  }
}

function startsNodes({ what }: Fault): boolean {
  return what === 'kill' || what === 'roll' || what === 'join';
}

function losesData(fault: Fault): boolean {
  if (fault.what === 'restart-store') return !fault.keepsData;
  return ['flush-store', 'fail-over', 'shard-kill', 'shard-freeze', 'shard-flush'].includes(fault.what);
}

/**
 * Whether both may be done at the same time: neither undoes the other. A node that starts while the store has lost its data
 * does not know of those that have not come back yet, which `docs/semantics.md` has under "What is not promised".
 */
export function mayOverlap(one: Fault, other: Fault): boolean {
  if ((startsNodes(one) && losesData(other)) || (startsNodes(other) && losesData(one))) return false;
  const [mine, theirs] = [needsOf(one), needsOf(other)];
  if (mine === undefined || theirs === undefined) return false;
  const isAnyPlace = (needs: typeof mine): boolean => needs.some((need) => need !== 'store');
  if (mine.includes('every place')) return !isAnyPlace(theirs);
  if (theirs.includes('every place')) return !isAnyPlace(mine);
  return !mine.some((need) => theirs.includes(need));
}

/** A primary of a Redis Cluster that stands still for so long is replaced. */
export const SHARD_MORTAL_MS = 1_500;

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
