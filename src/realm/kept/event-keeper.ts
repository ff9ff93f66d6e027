import { BackplaneUnavailableError, UNREACHABLE_NOW, type Backplane } from '../../backplane/backplane.js';
import type { HistoryEntry } from '../../backplane/event-history.js';
import type { RetentionBounds } from '../../backplane/retained-events.js';
import { admits } from '../../routing/broker/audience.js';
import { KeepingRules, type TopicPattern } from '../../routing/broker/keeping-rules.js';
import { deriveId } from '../../routing/derived-id.js';
import { PatternIndex } from '../../routing/pattern-index.js';
import type { Publication } from '../../routing/ports.js';
import type { Peer } from '../../routing/peer.js';
import type { Counters, RecordResult, RetainResult } from '../../telemetry/counters.js';
import { fault, type Fault } from '../../wamp/faults.js';
import type { SubscriptionId, Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { ErrorUri } from '../../wamp/uris.js';

export interface RetentionSettings extends RetentionBounds {
  readonly topics: readonly TopicPattern[];
  /** Length of the payload in the publisher's serialization. */
  readonly maxMessageBytes: number;
  readonly clearOnEmpty: boolean;
}

/** Selects the events that a realm keeps. Empty: none. */
export interface KeepingSettings {
  readonly retention?: RetentionSettings;
  readonly history?: readonly HistoryEntry[];
}

/** Events of this node that the store has not confirmed, of all realms. */
export interface KeptWrites {
  count: number;
  bytes: number;
  /** Number of the event that this node retained last. */
  lastNumber: number;
}

/** A question for the newest retained event that a receiver may have. */
export interface RetainedQuestion {
  readonly topic: Uri;
  readonly match: MatchPolicy;
  readonly receiver: Peer;
  readonly found: (event: Publication | Fault | undefined) => void;
}

/** Events that may be on their way to the store at a time, and their bytes. A store that is slow or cannot be reached makes a node reach them. */
const MAX_PENDING_WRITES = 16_384;
const MAX_PENDING_BYTES = 33_554_432;
/** Lookups of one realm and node in the store at a time, and those that wait. */
const MAX_LOOKUPS = 64;
const MAX_WAITING_LOOKUPS = 65_536;
/** Topics whose events the lookup of a pattern reads at most. It goes on to older ones while the receiver may not have what it finds. */
const MAX_TOPICS_READ = 100;

type WriteFailure = RetainResult & RecordResult & ('unpackable' | 'unreachable');

const TOO_LARGE = fault(
  ErrorUri.LIMIT_EXCEEDED,
  'the event is larger than the history of its topic (maxBytes): it was delivered, and is not in the history',
);
const OVERLOADED = fault(
  ErrorUri.UNAVAILABLE,
  'the store has too many events on their way to it, and may not have kept this one: try again later',
);

export interface EventKeeperSources {
  readonly backplane: Pick<Backplane, 'retained' | 'history'>;
  readonly counters: Pick<Counters, 'retainedEvents' | 'retainedLookups' | 'recordedEvents'>;
  readonly keptWrites: KeptWrites;
}

/** Keeps events of one realm for later subscribers, as this node publishes and asks for them. */
export class EventKeeper {
  readonly #realm: Uri;
  readonly #backplane: EventKeeperSources['backplane'];
  readonly #counters: EventKeeperSources['counters'];
  readonly #writes: KeptWrites;
  #settings: KeepingSettings;
  #rules: KeepingRules<HistoryEntry> | undefined;
  /** Key: the id of the entry's subscription, which exists whether or not a session has it (HIS-1). */
  #entries: ReadonlyMap<number, HistoryEntry>;
  #lookupCount = 0;
  readonly #waiting = new Set<RetainedQuestion>();

  constructor(realm: Uri, settings: KeepingSettings, shared: EventKeeperSources) {
    this.#realm = realm;
    this.#backplane = shared.backplane;
    this.#counters = shared.counters;
    this.#writes = shared.keptWrites;
    this.#settings = settings;
    this.#rules = rulesOf(settings);
    this.#entries = entriesOf(realm, settings);
  }

  /** The history of a subscription. Undefined: there is none. */
  historyOf(subscription: number): HistoryEntry | undefined {
    return this.#entries.get(subscription);
  }

  /** The subscription whose history has the events of a topic; one to the topic alone comes first. Undefined: none has. */
  historyWith(topic: Uri): SubscriptionId | undefined {
    const found = this.#rules?.recording(topic) ?? [];
    const entry = found.find(({ match }) => match === 'exact') ?? found[0];
    return entry && (deriveId(this.#realm, entry.match, entry.uri, 0) as SubscriptionId);
  }

  /** Undefined: the realm keeps nothing. */
  get rules(): KeepingRules<HistoryEntry> | undefined {
    return this.#rules;
  }

  apply(settings: KeepingSettings): void {
    this.#settings = settings;
    this.#rules = rulesOf(settings);
    this.#entries = entriesOf(this.#realm, settings);
  }

  /** `settled`: see Outlet. An event beyond a bound is not kept, which is no refusal. */
  retain(publication: Publication, settled: (refusal?: Fault) => void): void {
    const { retention } = this.#settings;
    if (retention === undefined) {
      settled();
      return;
    }
    const byteCount = publication.payload.bytes.length;
    const isClearing = this.#rules?.clears(publication) === true;
    if (!isClearing && byteCount > retention.maxMessageBytes) {
      this.#counters.retainedEvents.message_bytes++;
      settled();
    } else if (this.#isOverloaded(byteCount)) {
      this.#counters.retainedEvents.overload++;
      settled(OVERLOADED);
    } else if (isClearing) {
      const cleared = this.#backplane.retained.clear(this.#realm, publication.topic);
      this.#write(cleared, byteCount, settled, (failure) => {
        this.#counters.retainedEvents[failure ?? 'cleared']++;
      });
    } else {
      const { maxTopics, maxBytes, ttlMs } = retention;
      const put = this.#backplane.retained.put(this.#realm, publication, { maxTopics, maxBytes, ttlMs });
      this.#write(put, byteCount, settled, (failure, outcome) => {
        this.#counters.retainedEvents[failure ?? outcome ?? 'kept']++;
      });
    }
  }

  /** `settled`: see Outlet. An acknowledged event is in the history, or its publisher gets an ERROR. */
  record(publication: Publication, settled: (refusal?: Fault) => void): void {
    const byteCount = publication.payload.bytes.length;
    const matching = this.#rules?.recording(publication.topic) ?? [];
    const entries = matching.filter(({ maxBytes }) => byteCount <= maxBytes);
    if (entries.length < matching.length) {
      this.#counters.recordedEvents.bytes++;
      settled(TOO_LARGE);
    } else if (this.#isOverloaded(byteCount)) {
      this.#counters.recordedEvents.overload++;
      settled(OVERLOADED);
    } else if (entries.length === 0) settled();
    else {
      const appended = this.#backplane.history.append(this.#realm, publication, entries);
      this.#write(appended, byteCount, settled, (failure) => {
        this.#counters.recordedEvents[failure ?? 'kept']++;
      });
    }
  }

  findRetained(question: RetainedQuestion): void {
    if (this.#lookupCount < MAX_LOOKUPS) this.#begin(question);
    else if (this.#waiting.size < MAX_WAITING_LOOKUPS) this.#waiting.add(question);
    else {
      this.#counters.retainedLookups.overload++;
      question.found(fault(ErrorUri.UNAVAILABLE, 'too many sessions ask for retained events: try again later'));
    }
  }

  #isOverloaded(byteCount: number): boolean {
    return this.#writes.count >= MAX_PENDING_WRITES || this.#writes.bytes + byteCount > MAX_PENDING_BYTES;
  }

  #write<Outcome>(
    written: Promise<Outcome>,
    byteCount: number,
    settled: (refusal?: Fault) => void,
    count: (failure: WriteFailure | undefined, outcome?: Outcome) => void,
  ): void {
    this.#writes.count++;
    this.#writes.bytes += byteCount;
    const finish = (): void => {
      this.#writes.count--;
      this.#writes.bytes -= byteCount;
    };
    written.then(
      (outcome) => {
        finish();
        count(undefined, outcome);
        settled();
      },
      (cause: unknown) => {
        finish();
        count(cause instanceof TypeError ? 'unpackable' : 'unreachable');
        settled(refusalOf(cause));
      },
    );
  }

  #begin(question: RetainedQuestion): void {
    this.#lookupCount++;
    const finish = (found: Publication | Fault | undefined): void => {
      this.#lookupCount--;
      for (const next of this.#waiting) {
        this.#waiting.delete(next);
        this.#begin(next);
        break;
      }
      question.found(found);
    };
    this.#find(question).then(
      (event) => {
        this.#counters.retainedLookups[event === undefined ? 'none' : 'found']++;
        finish(event);
      },
      (cause: unknown) => {
        this.#counters.retainedLookups.unreachable++;
        finish(refusalOf(cause));
      },
    );
  }

  async #find({ topic, match, receiver }: RetainedQuestion): Promise<Publication | undefined> {
    if (match === 'exact') return this.#newest(topic, receiver);
    const pattern = new PatternIndex<object>();
    pattern.add(topic, match, pattern);
    let readCount = 0;
    let from: number | undefined;
    do {
      const page = await this.#backplane.retained.topics(this.#realm, from);
      for (const candidate of page.topics) {
        if (pattern.best(candidate) === undefined) continue;
        if (readCount++ >= MAX_TOPICS_READ) return undefined;
        const event = await this.#newest(candidate, receiver);
        if (event !== undefined) return event;
      }
      from = page.next;
    } while (from !== undefined);
    return undefined;
  }

  async #newest(topic: Uri, receiver: Peer): Promise<Publication | undefined> {
    const events = await this.#backplane.retained.get(this.#realm, topic);
    return events.find((event) => admits(event, receiver));
  }
}

function rulesOf({ retention, history = [] }: KeepingSettings): KeepingRules<HistoryEntry> | undefined {
  const { topics = [], clearOnEmpty = false } = retention ?? {};
  return topics.length + history.length === 0 ? undefined : new KeepingRules(topics, clearOnEmpty, history);
}

function entriesOf(realm: Uri, { history = [] }: KeepingSettings): ReadonlyMap<number, HistoryEntry> {
  return new Map(history.map((entry) => [deriveId(realm, entry.match, entry.uri, 0), entry]));
}

function refusalOf(cause: unknown): Fault {
  if (cause instanceof BackplaneUnavailableError) return fault(ErrorUri.NETWORK_FAILURE, UNREACHABLE_NOW);
  if (cause instanceof TypeError) return fault(ErrorUri.INVALID_ARGUMENT, cause.message);
  throw cause;
}
