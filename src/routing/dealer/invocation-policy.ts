import type { SessionId } from '../../wamp/ids.js';
import { unreachable } from '../../wamp/unreachable.js';
import type { Callee, Surroundings } from '../ports.js';
import type { RegistrationEntry } from './registrations.js';

const NONE: ReadonlySet<SessionId> = new Set();

/**
 * The callee whose turn it is by the invocation policy (SHR-3), leaving out those tried before (RRT-1).
 * Undefined when all were tried. O(1) for the first choice.
 */
export function chooseCallee(
  entry: RegistrationEntry,
  tried: ReadonlySet<SessionId> | undefined,
  chance: Pick<Surroundings, 'random'>,
): Callee | undefined {
  const { callees, invoke } = entry.registration;
  switch (invoke) {
    case 'single':
    case 'first':
      return scan(callees, tried ?? NONE, tried?.size ?? 0, 1);
    case 'last':
      return scan(callees, tried ?? NONE, callees.length - 1 - (tried?.size ?? 0), -1);
    case 'roundrobin':
      return takeTurn(entry, tried ?? NONE);
    case 'random':
      return draw(callees, tried, chance);
    default:
      return unreachable(invoke);
  }
}

/**
 * The first untried callee from `start` on, wrapping. Callers start where the row says the untried ones begin, so
 * that asking thousands of busy callees in turn does not cost the square of their number.
 */
function scan(
  callees: readonly Callee[],
  tried: ReadonlySet<SessionId>,
  start: number,
  direction: 1 | -1,
): Callee | undefined {
  const count = callees.length;
  for (let step = 0; step < count; step++) {
    const callee = callees[(((start + step * direction) % count) + count) % count];
    if (callee !== undefined && !tried.has(callee.session)) return callee;
  }
  return undefined;
}

function takeTurn(entry: RegistrationEntry, tried: ReadonlySet<SessionId>): Callee | undefined {
  const { callees } = entry.registration;
  const count = callees.length;
  for (let step = 1; step <= count; step++) {
    const index = (entry.lastIndex + step) % count;
    const callee = callees[index];
    if (callee === undefined || tried.has(callee.session)) continue;
    entry.lastIndex = index;
    return callee;
  }
  return undefined;
}

function draw(
  callees: readonly Callee[],
  tried: ReadonlySet<SessionId> | undefined,
  chance: Pick<Surroundings, 'random'>,
): Callee | undefined {
  const untried = tried === undefined ? callees : callees.filter((callee) => !tried.has(callee.session));
  return untried[Math.floor(chance.random() * untried.length)];
}
