import { BackplaneUnavailableError, UNREACHABLE_NOW } from '../../backplane/backplane.js';
import {
  comparePositions,
  MAX_SEQUENCE,
  type EventHistory,
  type HistoryEntry,
  type HistoryRange,
  type Position,
  type RecordedEvent,
} from '../../backplane/event-history.js';
import { payloadElements } from '../../codec/payload-values.js';
import { admits, eventDetails } from '../../routing/broker/audience.js';
import { AuthorizationFailedError } from '../../session/authorization/remote-authorizer.js';
import type { Session } from '../../session/ports.js';
import type { Counters } from '../../telemetry/counters.js';
import { ConcurrencyLimiter } from '../../util/concurrency-limiter.js';
import { Code } from '../../wamp/codes.js';
import { fault, isFault, type Fault } from '../../wamp/faults.js';
import type { RequestId, Uri } from '../../wamp/ids.js';
import type { Dict } from '../../wamp/options.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { EventKeeper } from './event-keeper.js';
import { readHistoryFilter, type HistoryFilter, type PublicationBounds } from './history-filter.js';
import type { ProcedureCall, ProcedureResult, RouterProcedure } from '../router-procedures.js';

export const GET_EVENTS: Uri = 'wamp.subscription.get_events';

/** The realm of a caller, as this procedure needs it. */
export interface HistoryRealm {
  readonly keeper: Pick<EventKeeper, 'historyOf'>;
}

/** Bytes of payload in one answer; one event in any case. */
const MAX_ANSWER_BYTES = 1_048_576;
/** Questions of all sessions that this node answers at a time, and those that wait. */
const MAX_QUERIES = 16;
const MAX_WAITING_QUERIES = 1_024;

const START: Position = [0, 0];
const END: Position = [999_999_999_999_999, 0];

/**
 * Events of a subscription with a history, the oldest first, or the newest first (HIS-2, HIS-3). The caller must be allowed to
 * subscribe to it (HIS-5).
 */
export function getEvents(
  find: (realm: Uri) => HistoryRealm | undefined,
  history: EventHistory,
  counters: Pick<Counters, 'historyQueries'>,
): RouterProcedure {
  const limiter = new ConcurrencyLimiter(MAX_QUERIES, MAX_WAITING_QUERIES);
  const answer = async ({ realm, caller, signal }: ProcedureCall, filter: HistoryFilter) => {
    // The question may have waited: the caller may have left, and the settings may have changed.
    if (signal.aborted) return CANCELED;
    const entry = find(realm)?.keeper.historyOf(filter.subscription);
    if (entry === undefined) return NO_HISTORY;
    const denial = await denialOf(caller, entry);
    return denial ?? new HistoryQuery(history, realm, entry, caller, signal).answer(filter);
  };
  return async (call) => {
    const filter = readHistoryFilter(call.args, call.kwargs);
    let outcome: ProcedureResult | Fault | undefined;
    try {
      outcome = isFault(filter) ? filter : await limiter.run(() => answer(call, filter));
    } catch (cause) {
      if (!(cause instanceof BackplaneUnavailableError)) throw cause;
      counters.historyQueries.unreachable++;
      return fault(ErrorUri.NETWORK_FAILURE, UNREACHABLE_NOW);
    }
    if (outcome === undefined) {
      counters.historyQueries.overload++;
      return fault(ErrorUri.UNAVAILABLE, 'too many sessions ask for events: try again later');
    }
    counters.historyQueries[isFault(outcome) ? 'refused' : 'answered']++;
    return outcome;
  };
}

/** One question, answered from the pages of the store. */
class HistoryQuery {
  readonly #history: EventHistory;
  readonly #realm: Uri;
  readonly #entry: HistoryEntry;
  readonly #caller: Session;
  readonly #signal: AbortSignal;

  constructor(history: EventHistory, realm: Uri, entry: HistoryEntry, caller: Session, signal: AbortSignal) {
    this.#history = history;
    this.#realm = realm;
    this.#entry = entry;
    this.#caller = caller;
    this.#signal = signal;
  }

  /**
   * The limit counts events in the order of the answer, after all filters (HIS-7). `is_limit_reached`: there may be more, behind
   * the last one. `unrepresentable`: events left out because the caller's serializer cannot represent them.
   */
  async answer(filter: HistoryFilter): Promise<ProcedureResult | Fault> {
    const range = await this.#rangeOf(filter);
    if (isFault(range)) return range;
    const events: Dict[] = [];
    let bytes = 0;
    let unrepresentable = 0;
    let rest: HistoryRange | undefined = comparePositions(range.first, range.last) > 0 ? undefined : range;
    let isLimitReached = false;
    while (rest !== undefined && !isLimitReached && !this.#signal.aborted) {
      const page = await this.#history.read(this.#realm, this.#entry, rest);
      for (const one of page.events) {
        const { topic, payload } = one.publication;
        if (filter.topic !== undefined && topic !== filter.topic) continue;
        if (!admits({ ...one.publication, excludePublisher: false }, this.#caller)) continue;
        isLimitReached =
          events.length >= filter.limit || (events.length > 0 && bytes + payload.bytes.length > MAX_ANSWER_BYTES);
        if (isLimitReached) break;
        const event = this.#toObject(filter.subscription, one);
        bytes += payload.bytes.length;
        if (event === undefined) unrepresentable++;
        else events.push(event);
      }
      rest = page.next;
    }
    const kwargs = {
      ...(isLimitReached && { is_limit_reached: true }),
      ...(unrepresentable > 0 && { unrepresentable }),
    };
    return { args: events, kwargs };
  }

  async #rangeOf({ first, last, isReversed, publications }: HistoryFilter): Promise<HistoryRange | Fault> {
    const bounds = await this.#locate(publications);
    if (isFault(bounds)) return bounds;
    return { first: latest([START, first, ...bounds.first]), last: earliest([END, last, ...bounds.last]), isReversed };
  }

  /** Each publication must be in the history: where it is not, events may be missing that the caller does not know of. */
  async #locate({
    from,
    after,
    before,
    until,
  }: PublicationBounds): Promise<{ readonly first: Position[]; readonly last: Position[] } | Fault> {
    const given = [from, after, until, before].filter((id) => id !== undefined);
    const found = given.length === 0 ? [] : await this.#history.locate(this.#realm, this.#entry, given);
    const places = new Map(given.map((id, index) => [id, found[index]]));
    const missing = given.find((id) => places.get(id) === undefined);
    if (missing !== undefined)
      return fault(
        ErrorUri.INVALID_ARGUMENT,
        `the history has no publication ${missing} of this subscription, or has it no more`,
      );
    const place = (id: number | undefined): Position[] => {
      const position = id === undefined ? undefined : places.get(id as never);
      return position === undefined ? [] : [position];
    };
    return {
      first: [...place(from), ...place(after).map(next)],
      last: [...place(until), ...place(before).map(previous)],
    };
  }

  /** Undefined: the caller's serializer cannot represent it. */
  #toObject(subscription: number, { position, publication }: RecordedEvent): Dict | undefined {
    const { id, payload } = publication;
    if (!(payload.in(this.#caller.serializer) instanceof Uint8Array)) return undefined;
    const [args, kwargs] = payloadElements(payload) ?? [];
    return {
      timestamp: new Date(position[0]).toISOString(),
      subscription,
      publication: id,
      details: eventDetails(publication, this.#entry),
      ...(args !== undefined && { args }),
      ...(kwargs !== undefined && { kwargs }),
    };
  }
}

async function denialOf(caller: Session, { uri, match }: HistoryEntry): Promise<Fault | undefined> {
  try {
    const { allowed } = await caller.maySubscribe([Code.SUBSCRIBE, 0 as RequestId, { match }, uri]);
    return allowed ? undefined : fault(ErrorUri.NOT_AUTHORIZED, 'this session may not subscribe to these events');
  } catch (error) {
    if (!(error instanceof AuthorizationFailedError)) throw error;
    return fault(
      ErrorUri.AUTHORIZATION_FAILED,
      'the router cannot decide now whether this session may subscribe: try again later',
    );
  }
}

function next([ms, sequence]: Position): Position {
  return [ms, sequence + 1];
}

function previous([ms, sequence]: Position): Position {
  return sequence > 0 ? [ms, sequence - 1] : [ms - 1, MAX_SEQUENCE];
}

function latest(positions: readonly (Position | undefined)[]): Position {
  return positions.reduce<Position>(
    (max, one) => (one !== undefined && comparePositions(one, max) > 0 ? one : max),
    START,
  );
}

function earliest(positions: readonly (Position | undefined)[]): Position {
  return positions.reduce<Position>(
    (min, one) => (one !== undefined && comparePositions(one, min) < 0 ? one : min),
    END,
  );
}

const NO_HISTORY = fault(
  ErrorUri.NO_SUCH_SUBSCRIPTION,
  'there is no history of this subscription: use the id that SUBSCRIBED gave, of a topic and match that realms[].history names',
);

const CANCELED = fault(ErrorUri.CANCELED, 'the call ended before its turn came');
