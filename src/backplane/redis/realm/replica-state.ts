/**
 * The states of a `RealmReplica` and the transitions between them. Pure: the replica performs the effects.
 *
 * | event            | entering, resyncing                              | synced                       | withdrawing | closed  |
 * | ---------------- | ------------------------------------------------ | ---------------------------- | ----------- | ------- |
 * | enter            | behind → owed                                    | resyncing, owed              | stays       | refused |
 * | resync           | reachable, behind → owed, keeps recent           | resyncing, owed, recent      | reachable   | refused |
 * | reload-requested | stays                                            | resyncing, behind            | stays       | refused |
 * | cut-off          | trouble, unreachable; refused if it was          | resyncing, owed, unreachable | unreachable | refused |
 * | store-lost       | trouble, keeps all                               | resyncing, owed, all         | stays       | refused |
 * | write-uncertain  | trouble                                          | resyncing, owed              | stays       | refused |
 * | repair-begun     | owed → reading                                   | refused                      | refused     | refused |
 * | loaded           | behind → synced, if reachable; recent → nothing  | refused                      | refused     | refused |
 * | snapshot-taken   | reading → writing                                | refused                      | refused     | refused |
 * | repaired         | writing → synced or behind, disturbed → owed     | refused                      | refused     | refused |
 * | failed           | owed                                             | resyncing, owed              | stays       | refused |
 * | withdraw         | withdrawing                                      | withdrawing                  | refused     | refused |
 * | withdrawn        | refused                                          | refused                      | closed      | refused |
 * | stop             | closed                                           | closed                       | closed      | refused |
 *
 * The first repair that ends turns entering into synced or resyncing.
 *
 * *Trouble* is whatever makes the rows of this node in the store uncertain. It owes a repair; before a repair has taken over its
 * snapshot, that repair covers it; afterwards the repair is disturbed, and another one follows.
 *
 * A replica that cannot reach the store is never synced: a repair that ends while it is cut off leaves it behind.
 */

/** Why the realm is read, as the metrics count it. The last cause counts. */
export type ReloadCause = 'serve' | 'version_gap' | 'reconnected' | 'store_emptied' | 'asked';

/**
 * The rows of other nodes that the mirror keeps when it takes over a snapshot that lacks them. `recent`: changes may have been missed, and
 * the store may have lost its last. `all`: the store has lost data.
 */
export type KeptRows = 'nothing' | 'recent' | 'all';

export type Progress =
  /** The mirror may have missed changes. The rows of this node in the store are right. */
  | 'behind'
  /** The rows of this node are to be compared with the store's. */
  | 'owed'
  /** A repair reads the realm. */
  | 'reading'
  /** A repair has taken over a snapshot, and writes what the store lacks. */
  | 'writing'
  /** Trouble came while a repair was writing. */
  | 'disturbed';

/** The rows of this node have never been complete in the store. */
export interface Entering {
  readonly kind: 'entering';
  readonly cause: ReloadCause;
  readonly isReachable: boolean;
  readonly keep: KeptRows;
  readonly progress: Exclude<Progress, 'behind'>;
}

/** The mirror follows the realm, and the store has every row of this node, but for writes under way. */
export interface Synced {
  readonly kind: 'synced';
  readonly cause: ReloadCause;
}

/** Mirror and store are to be made to agree again. */
export interface Resyncing {
  readonly kind: 'resyncing';
  readonly cause: ReloadCause;
  readonly isReachable: boolean;
  readonly keep: KeptRows;
  readonly progress: Progress;
}

/** The rows of this node are to be removed from the store. */
export interface Withdrawing {
  readonly kind: 'withdrawing';
  readonly isReachable: boolean;
}

export interface Closed {
  readonly kind: 'closed';
}

export type ReplicaState = Entering | Synced | Resyncing | Withdrawing | Closed;

export type ReplicaEvent =
  /** The node begins to serve the realm. */
  | { readonly kind: 'enter' }
  /** The store can be reached again, or the node knows that the store has lost data. */
  | { readonly kind: 'resync'; readonly why: 'reconnected' | 'store_emptied' }
  /** The mirror is to be read anew: it has missed changes, or something else owes a repair already. */
  | { readonly kind: 'reload-requested'; readonly cause: ReloadCause }
  | { readonly kind: 'cut-off' }
  | { readonly kind: 'store-lost' }
  /** Nobody knows whether the store has done a write. */
  | { readonly kind: 'write-uncertain' }
  | { readonly kind: 'repair-begun' }
  /** The mirror has taken over a snapshot, and follows the realm. */
  | { readonly kind: 'loaded' }
  /** The repair under way compares this node's rows with the snapshot that was loaded. */
  | { readonly kind: 'snapshot-taken' }
  | { readonly kind: 'repaired'; readonly isFollowing: boolean }
  /** A reading, repair or withdrawal has failed. */
  | { readonly kind: 'failed' }
  | { readonly kind: 'withdraw' }
  | { readonly kind: 'withdrawn' }
  | { readonly kind: 'stop' };

type Live = Entering | Synced | Resyncing;
type Unsynced = Entering | Resyncing;

export const INITIAL_STATE: ReplicaState = {
  kind: 'entering',
  cause: 'serve',
  isReachable: true,
  keep: 'nothing',
  progress: 'owed',
};

const CLOSED: Closed = { kind: 'closed' };

/** Undefined: the state refuses the event. */
export function transition(state: ReplicaState, event: ReplicaEvent): ReplicaState | undefined {
  if (state.kind === 'closed') return undefined;
  if (event.kind === 'stop') return CLOSED;
  if (state.kind === 'withdrawing') return whileWithdrawing(state, event);
  if (event.kind === 'withdraw') return { kind: 'withdrawing', isReachable: isReachable(state) };
  return whileLive(state, event) ?? (state.kind === 'synced' ? undefined : whileUnsynced(state, event));
}

/** It serves the realm, or is about to. */
export function isLive(state: ReplicaState): state is Live {
  return state.kind !== 'withdrawing' && state.kind !== 'closed';
}

export function isReachable(state: ReplicaState): boolean {
  return state.kind === 'synced' || (state.kind !== 'closed' && state.isReachable);
}

/** A repair is to begin, now or once the store can be reached. */
export function owesRepair(state: ReplicaState): boolean {
  return (
    (state.kind === 'entering' || state.kind === 'resyncing') &&
    (state.progress === 'owed' || state.progress === 'disturbed')
  );
}

export function keptRows(state: ReplicaState): KeptRows {
  return state.kind === 'entering' || state.kind === 'resyncing' ? state.keep : 'nothing';
}

/** The store has lost data, and no repair has been completed since. */
export function hasStoreLost(state: ReplicaState): boolean {
  return keptRows(state) === 'all';
}

function whileWithdrawing(state: Withdrawing, event: ReplicaEvent): ReplicaState | undefined {
  switch (event.kind) {
    case 'enter':
    case 'reload-requested':
    case 'store-lost':
    case 'write-uncertain':
    case 'failed':
      return state;
    case 'resync':
      return { ...state, isReachable: true };
    case 'cut-off':
      return state.isReachable ? { ...state, isReachable: false } : undefined;
    case 'withdrawn':
      return CLOSED;
    default:
      return undefined;
  }
}

/** Events that a synced replica takes as well. */
function whileLive(state: Live, event: ReplicaEvent): ReplicaState | undefined {
  switch (event.kind) {
    case 'enter':
      return owing(unsynced(state, 'serve'));
    case 'resync': {
      const now = owing(unsynced(state, event.why));
      return { ...now, isReachable: true, keep: now.keep === 'all' ? 'all' : 'recent' };
    }
    case 'reload-requested':
      return unsynced(state, event.cause);
    case 'cut-off':
      return isReachable(state) ? { ...troubled(unsynced(state)), isReachable: false } : undefined;
    case 'store-lost':
      return { ...troubled(unsynced(state)), keep: 'all' };
    case 'write-uncertain':
      return troubled(unsynced(state));
    case 'failed':
      return { ...unsynced(state), progress: 'owed' };
    default:
      return undefined;
  }
}

function whileUnsynced(state: Unsynced, event: ReplicaEvent): ReplicaState | undefined {
  switch (event.kind) {
    case 'repair-begun':
      return state.progress === 'owed' ? { ...state, progress: 'reading' } : undefined;
    case 'loaded': {
      const { cause, progress, keep } = state;
      if (progress === 'behind' && state.isReachable) return { kind: 'synced', cause };
      return { ...state, keep: keep === 'all' ? 'all' : 'nothing' };
    }
    case 'snapshot-taken':
      return state.progress === 'reading' ? { ...state, progress: 'writing' } : undefined;
    case 'repaired':
      return repaired(state, event.isFollowing);
    default:
      return undefined;
  }
}

function repaired({ cause, isReachable, keep, progress }: Unsynced, isFollowing: boolean): ReplicaState | undefined {
  if (progress === 'disturbed') return { kind: 'resyncing', cause, isReachable, keep, progress: 'owed' };
  if (progress !== 'writing') return undefined;
  if (isReachable && isFollowing) return { kind: 'synced', cause };
  return { kind: 'resyncing', cause, isReachable, keep: keep === 'all' ? 'nothing' : keep, progress: 'behind' };
}

/** The same, with its mirror behind if it was synced. */
function unsynced(state: Live, cause: ReloadCause = state.cause): Unsynced {
  if (state.kind !== 'synced') return { ...state, cause };
  return { kind: 'resyncing', cause, isReachable: true, keep: 'nothing', progress: 'behind' };
}

/** A repair under way is enough. */
function owing(state: Unsynced): Unsynced {
  return state.progress === 'behind' ? { ...state, progress: 'owed' } : state;
}

function troubled(state: Unsynced): Unsynced {
  return state.progress === 'writing' ? { ...state, progress: 'disturbed' } : owing(state);
}
