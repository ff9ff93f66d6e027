import { BackplaneUnavailableError, UNREACHABLE_NOW, type Answers } from '../../backplane/backplane.js';
import { ConcurrencyLimiter } from '../../util/concurrency-limiter.js';
import { fault, isFault, type Fault } from '../../wamp/faults.js';
import { isId, type SessionId } from '../../wamp/ids.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { ProcedureResult } from '../router-procedures.js';
import type { MetaSources } from './meta-handlers.js';

/** The sources with which a procedure asks nodes. */
export type Asked = Pick<MetaSources, 'realm' | 'backplane' | 'limits' | 'onLimit'>;

/** Makes lists in turn, and begins one in a turn of the event loop: a list is as long as others make it (G11). */
export class Lists {
  readonly #limiter: ConcurrencyLimiter;
  readonly #onLimit: MetaSources['onLimit'];
  /** The last turn that a list has taken. */
  #turn = Promise.resolve();

  constructor({ limits, onLimit }: Pick<MetaSources, 'limits' | 'onLimit'>) {
    this.#limiter = new ConcurrencyLimiter(limits.maxMetaLists, limits.maxWaitingMetaLists);
    this.#onLimit = onLimit;
  }

  /** `list` does not begin when the call has ended before its turn comes. */
  async make<Result>(signal: AbortSignal, list: () => Promise<Result>): Promise<Result | Fault> {
    const made = await this.#limiter.run(async () => {
      await (this.#turn = this.#turn.then(nextTurn));
      return signal.aborted ? CANCELED : list();
    });
    if (made !== undefined) return made;
    this.#onLimit('meta_lists');
    return fault(ErrorUri.UNAVAILABLE, 'too many sessions ask for lists (limits.maxWaitingMetaLists): try again later');
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

const CANCELED = fault(ErrorUri.CANCELED, 'the call ended before its turn came');

export interface AllAnswers {
  readonly bodies: readonly unknown[];
  /** Present: nodes did not answer, and the answers are not all. */
  readonly missing?: Fault;
}

export interface GatheredAnswers {
  readonly answers: Answers['answers'];
  /** Nodes that did not answer. A node that has left meanwhile has nothing to answer. */
  readonly silent: readonly string[];
}

/** Asks every node that serves the realm. A Fault: the cluster cannot be reached. */
export async function askNodes(
  { realm, backplane, limits, onLimit }: Asked,
  subject: string,
  body: unknown,
): Promise<GatheredAnswers | Fault> {
  return reading(async () => {
    const { answers, unanswered } = await backplane.ask(realm, subject, body, {
      timeoutMs: limits.metaQuestionTimeoutMs,
    });
    if (unanswered.some(({ why }) => why === 'timeout')) onLimit('meta_question_timeout');
    return { answers, silent: unanswered.filter(({ why }) => why !== 'gone').map(({ node }) => node) };
  });
}

/** Asks like askNodes, and leaves out the names of the nodes that answer. */
export async function askAll(sources: Asked, subject: string, body: unknown): Promise<AllAnswers> {
  const asked = await askNodes(sources, subject, body);
  if (isFault(asked)) return { bodies: [], missing: asked };
  const bodies = asked.answers.map((answer) => answer.body);
  return asked.silent.length === 0 ? { bodies } : { bodies, missing: missing(asked.silent) };
}

/** Runs a step that needs the cluster. A Fault: the cluster cannot be reached. */
export async function reading<Result>(read: () => Promise<Result>): Promise<Result | Fault> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof BackplaneUnavailableError)) throw cause;
    return fault(ErrorUri.UNAVAILABLE, UNREACHABLE_NOW);
  }
}

/** Takes a registration or a subscription from a session. */
interface Removal {
  readonly id: number;
  readonly session: SessionId;
  readonly reason: string | undefined;
}

/** Undefined: the question has another shape. */
export function readRemoval(body: unknown): Removal | undefined {
  const [id, session, reason] = Array.isArray(body) ? (body as unknown[]) : [];
  if (!isId(id) || !isId(session) || (reason !== null && typeof reason !== 'string')) return undefined;
  return { id, session: session as SessionId, reason: reason ?? undefined };
}

function missing(nodes: readonly string[]): Fault {
  return fault(ErrorUri.UNAVAILABLE, `these nodes did not answer, call again: ${nodes.join(', ')}`);
}

/** The result of a procedure that lists sessions. A Fault: there are too many. */
export function sessionList(
  sources: Pick<MetaSources, 'limits' | 'onLimit'>,
  sessions: readonly number[],
): ProcedureResult | Fault {
  return sessions.length > sources.limits.maxMetaListIds ? tooLong(sources, 'count them') : { args: [sessions] };
}

/** The list has more ids than an answer has. `instead`: what the caller can do. */
export function tooLong({ limits, onLimit }: Pick<MetaSources, 'limits' | 'onLimit'>, instead: string): Fault {
  onLimit('meta_list_ids');
  const message = `the list has more than ${limits.maxMetaListIds} ids (limits.maxMetaListIds): ${instead}`;
  return fault(ErrorUri.PAYLOAD_SIZE_EXCEEDED, message);
}
