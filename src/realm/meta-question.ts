import { BackplaneUnavailableError, UNREACHABLE_NOW, type Backplane } from '../backplane/backplane.js';
import { Gate } from '../util/gate.js';
import { fault, type Fault } from '../wamp/faults.js';
import type { Uri } from '../wamp/ids.js';
import { ErrorUri } from '../wamp/uris.js';

const TIMEOUT_MS = 5_000;
/** Lists of one realm and node that are made at a time, and those that wait: each may have 100,000 ids. */
const MAX_LISTS = 4;
const MAX_WAITING_LISTS = 1_024;

/** Makes lists in turn. */
export class Lists {
  readonly #gate = new Gate(MAX_LISTS, MAX_WAITING_LISTS);

  /** `list` does not begin when the call has ended before its turn comes. */
  async make<Result>(signal: AbortSignal, list: () => Promise<Result>): Promise<Result | Fault> {
    const made = await this.#gate.run(async () => (signal.aborted ? CANCELED : list()));
    return made ?? fault(ErrorUri.UNAVAILABLE, 'too many sessions ask for lists: try again later');
  }
}

const CANCELED = fault(ErrorUri.CANCELED, 'the call ended before its turn came');

export interface AllAnswers {
  readonly bodies: readonly unknown[];
  /** Present: nodes did not answer, and the answers are not all. */
  readonly missing?: Fault;
}

/** Asks every node that serves the realm. A node that has left meanwhile has nothing to answer. */
export async function askAll(
  backplane: Pick<Backplane, 'ask'>,
  realm: Uri,
  subject: string,
  body: unknown,
): Promise<AllAnswers> {
  try {
    const { answers, unanswered } = await backplane.ask(realm, subject, body, { timeoutMs: TIMEOUT_MS });
    const bodies = answers.map((answer) => answer.body);
    const silent = unanswered.filter(({ why }) => why !== 'gone').map(({ node }) => node);
    return silent.length === 0 ? { bodies } : { bodies, missing: missing(silent) };
  } catch (cause) {
    if (!(cause instanceof BackplaneUnavailableError)) throw cause;
    return { bodies: [], missing: fault(ErrorUri.UNAVAILABLE, UNREACHABLE_NOW) };
  }
}

function missing(nodes: readonly string[]): Fault {
  return fault(ErrorUri.UNAVAILABLE, `these nodes did not answer, call again: ${nodes.join(', ')}`);
}
