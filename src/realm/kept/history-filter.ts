import { MAX_SEQUENCE, type Position } from '../../backplane/event-history.js';
import { returnedId } from '../../wamp/dict.js';
import { fault, type Fault } from '../../wamp/faults.js';
import type { PublicationId, Uri } from '../../wamp/ids.js';
import type { Dict, List } from '../../wamp/options.js';
import { ErrorUri } from '../../wamp/uris.js';

/** Publications between which the events stand. */
export interface PublicationBounds {
  readonly from?: PublicationId;
  readonly after?: PublicationId;
  readonly before?: PublicationId;
  readonly until?: PublicationId;
}

/** A question for events of a subscription, read from a call. */
export interface HistoryFilter {
  readonly subscription: number;
  readonly isReversed: boolean;
  readonly limit: number;
  readonly topic?: Uri;
  /** Bounds by time. */
  readonly first?: Position;
  readonly last?: Position;
  readonly publications: PublicationBounds;
}

/** Events of one answer at most. */
export const MAX_EVENTS = 1_000;

const TIMES = ['from_time', 'after_time', 'before_time', 'until_time'] as const;
const PUBLICATIONS = ['from_publication', 'after_publication', 'before_publication', 'until_publication'] as const;
const KEYS: ReadonlySet<string> = new Set(['reverse', 'limit', 'topic', ...TIMES, ...PUBLICATIONS]);
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;
/** Digits of a fraction of a second beyond milliseconds. */
const BELOW_MS = /\.\d{3}0*[1-9]/;

/**
 * Reads the arguments of `wamp.subscription.get_events` (HIS-2). A second positional argument is the limit of Crossbar.io, whose
 * callers get the newest events first.
 */
export function readHistoryFilter(args: List, kwargs: Dict): HistoryFilter | Fault {
  const [subscription, positionalLimit] = args;
  const id = returnedId(subscription);
  if (id === undefined || args.length > 2) return invalid('expected the id of a subscription, and a limit perhaps');
  const unknown = Object.keys(kwargs).find((key) => !KEYS.has(key));
  if (unknown !== undefined) return invalid(`"${unknown.slice(0, 100)}" is no filter of events`);
  const given: Dict = Object.fromEntries(
    Object.entries(kwargs).filter(([, value]) => value !== null && value !== undefined),
  );
  const { reverse = positionalLimit !== undefined, limit = positionalLimit ?? MAX_EVENTS, topic } = given;
  if (typeof reverse !== 'boolean') return invalid('reverse must be a boolean');
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 1)
    return invalid('limit must be a positive integer');
  if (topic !== undefined && typeof topic !== 'string') return invalid('topic must be a string');
  const times = readTimes(given);
  const publications = readPublications(given);
  if (typeof times === 'string') return invalid(`${times} must be a time as RFC 3339 writes it`);
  if (typeof publications === 'string') return invalid(`${publications} must be the id of a publication`);
  return {
    subscription: id,
    isReversed: reverse,
    limit: Math.min(limit, MAX_EVENTS),
    ...(topic !== undefined && { topic }),
    ...times,
    publications,
  };
}

/** The name of a filter that is wrong, or the positions. Events have times of whole milliseconds. */
function readTimes(given: Dict): Pick<HistoryFilter, 'first' | 'last'> | string {
  const ms: (number | undefined)[] = [];
  for (const key of TIMES) {
    const value = given[key];
    const time =
      typeof value === 'string' && RFC_3339.test(value) ? Date.parse(value.replace(' ', 'T').toUpperCase()) : NaN;
    if (value !== undefined && Number.isNaN(time)) return key;
    // An event of this millisecond is earlier than such a time.
    const isFraction = typeof value === 'string' && BELOW_MS.test(value);
    ms.push(
      value === undefined ? undefined : time + (isFraction && (key === 'from_time' || key === 'before_time') ? 1 : 0),
    );
  }
  const [from, after, before, until] = ms;
  const firsts = [from, after === undefined ? undefined : after + 1].filter((one) => one !== undefined);
  const lasts = [before === undefined ? undefined : before - 1, until].filter((one) => one !== undefined);
  return {
    ...(firsts.length > 0 && { first: [Math.max(0, ...firsts), 0] as const }),
    ...(lasts.length > 0 && { last: [Math.min(...lasts), MAX_SEQUENCE] as const }),
  };
}

function readPublications(given: Dict): PublicationBounds | string {
  const ids: (PublicationId | undefined)[] = [];
  for (const key of PUBLICATIONS) {
    const value = given[key];
    const id = value === undefined ? undefined : returnedId(value);
    if (value !== undefined && id === undefined) return key;
    ids.push(id as PublicationId | undefined);
  }
  const [from, after, before, until] = ids;
  return {
    ...(from !== undefined && { from }),
    ...(after !== undefined && { after }),
    ...(before !== undefined && { before }),
    ...(until !== undefined && { until }),
  };
}

function invalid(why: string): Fault {
  return fault(ErrorUri.INVALID_ARGUMENT, why);
}
