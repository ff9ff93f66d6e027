import type { SessionId } from '../../wamp/ids.js';
import { unreachable } from '../../wamp/unreachable.js';
import type { Callee, Registration, Surroundings } from '../ports.js';
import type { RegistrationEntry } from './registrations.js';

const NONE: ReadonlySet<SessionId> = new Set();

/** The callees of a registration that one call has not tried yet. Good for as long as the registration is the same object. */
export interface Urn {
  readonly registration: Registration;
  readonly untried: Callee[];
}

/** O(callees). */
export function fillUrn({ registration }: RegistrationEntry, tried: ReadonlySet<SessionId>): Urn {
  return { registration, untried: registration.callees.filter(({ session }) => !tried.has(session)) };
}

/** Any of them, which is then out of it. O(1): a call may find thousands of callees busy. */
export function drawFromUrn({ untried }: Urn, chance: Pick<Surroundings, 'random'>): Callee | undefined {
  const index = Math.floor(chance.random() * untried.length);
  const drawn = untried[index];
  const last = untried.pop();
  if (last !== undefined && index < untried.length) untried[index] = last;
  return drawn;
}

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
  if (callees.length === 1 && tried === undefined) {
    entry.lastIndex = 0;
    return callees[0];
  }
  switch (invoke) {
    case 'single':
    case 'first':
      return scan(callees, tried ?? NONE, 1);
    case 'last':
      return scan(callees, tried ?? NONE, -1);
    case 'roundrobin':
      return takeTurn(entry, tried ?? NONE);
    case 'random':
      return draw(callees, tried, chance);
    default:
      return unreachable(invoke);
  }
}

/** The untried callee nearest to that end of the row: the beginning (1) or the other (−1). */
function scan(callees: readonly Callee[], tried: ReadonlySet<SessionId>, direction: 1 | -1): Callee | undefined {
  const count = callees.length;
  const end = direction === 1 ? 0 : count - 1;
  // Those tried stand first, unless a callee has left or joined meanwhile. Skipping them keeps thousands of busy callees
  // from costing the square of their number.
  const skipped =
    tried.size > 0 && isIn(tried, callees[end]) && isIn(tried, callees[end + direction * (tried.size - 1)])
      ? tried.size
      : 0;
  for (let looked = 0; looked < count; looked++) {
    const callee = callees[end + direction * ((skipped + looked) % count)];
    if (callee !== undefined && !tried.has(callee.session)) return callee;
  }
  return undefined;
}

function isIn(tried: ReadonlySet<SessionId>, callee: Callee | undefined): boolean {
  return callee !== undefined && tried.has(callee.session);
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
