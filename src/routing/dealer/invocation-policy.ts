import type { NodeId, SessionId } from '../../wamp/ids.js';
import { unreachable } from '../../wamp/unreachable.js';
import type { Callee, ClockAndRandom } from '../ports.js';
import type { RankedSet } from './ranked-set.js';
import type { RegistrationEntry } from './registrations.js';

/** The search for a callee after the first callee did not take the call. */
export interface Search {
  /** Callees that were tried in the current registration. */
  readonly tried: Set<SessionId>;
  /** Nodes that could not be reached. */
  readonly unreachable: Set<NodeId>;
  /** Registrations whose callees were all gone. */
  readonly deserted: Set<RegistrationEntry>;
  /** Callees of `tried` that take the registration over and had no REGISTERED yet. */
  readonly unready: Set<SessionId>;
  /** The `unready` callees were asked once more. */
  hasAskedAgain: boolean;
  /** Callees that had no REGISTERED yet when they were asked. */
  readonly early: Set<SessionId>;
  /** A callee that was asked had left. */
  foundGone: boolean;
  /** Counts callees that refused for a reason other than being busy. */
  refusalCount: number;
}

type PolicySources = Pick<ClockAndRandom, 'nowMs' | 'random'>;

/** Random draws before a call that has tried some callees takes the next untried one. */
const MAX_DRAWS = 4;

/**
 * Chooses a callee: one that takes the registration over, else by the invocation policy (SHR-3), without those that are
 * passed over or that the search has tried (RRT-1). Undefined: there is none. O(log callees) for each callee tried.
 */
export function chooseCallee(
  entry: RegistrationEntry,
  search: Search | undefined,
  sources: PolicySources,
): Callee | undefined {
  const { registration, passedOver } = entry;
  const { callees, invoke, successors } = registration;
  const successor = successors?.find((callee) => search === undefined || !isTried(search, callee));
  if (successor !== undefined) return successor;
  const open =
    passedOver === undefined || passedOver.isEmpty ? undefined : passedOver.open(registration, sources.nowMs());
  const count = open?.size ?? callees.length;
  if (count === 0) return undefined;
  switch (invoke) {
    case 'single':
    case 'first':
      return scan(entry, open, search, 0, 1);
    case 'last':
      return scan(entry, open, search, count - 1, count - 1);
    case 'roundrobin':
      return scan(entry, open, search, nextRank(open, entry.lastIndex, count), 1);
    case 'random':
      return draw(entry, open, search, sources);
    default:
      return unreachable(invoke);
  }
}

function nextRank(open: RankedSet | undefined, lastIndex: number, count: number): number {
  const rank = open === undefined ? lastIndex + 1 : open.rankOf(lastIndex + 1);
  return rank % count;
}

/** The first untried callee, starting at rank `from` in steps of `step`. */
function scan(
  entry: RegistrationEntry,
  open: RankedSet | undefined,
  search: Search | undefined,
  from: number,
  step: number,
): Callee | undefined {
  const { callees } = entry.registration;
  const count = open?.size ?? callees.length;
  for (let looked = 0, rank = from; looked < count; looked++, rank = (rank + step) % count) {
    const index = open === undefined ? rank : open.at(rank);
    const callee = callees[index];
    if (callee === undefined || (search !== undefined && isTried(search, callee))) continue;
    entry.lastIndex = index;
    return callee;
  }
  return undefined;
}

function draw(
  entry: RegistrationEntry,
  open: RankedSet | undefined,
  search: Search | undefined,
  sources: PolicySources,
): Callee | undefined {
  const { callees } = entry.registration;
  const count = open?.size ?? callees.length;
  let rank = 0;
  for (let drawn = 0; drawn < MAX_DRAWS; drawn++) {
    rank = Math.floor(sources.random() * count);
    const callee = callees[open === undefined ? rank : open.at(rank)];
    if (search === undefined || (callee !== undefined && !isTried(search, callee))) return callee;
  }
  return scan(entry, open, search, rank, 1);
}

function isTried({ tried, unreachable: nodes }: Search, { session, node }: Callee): boolean {
  return tried.has(session) || nodes.has(node);
}
