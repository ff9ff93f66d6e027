import type { Publication } from '../../routing/ports.js';
import type { Uri } from '../../wamp/ids.js';
import { packPublication, unpackPublication } from '../kept-publication.js';
import {
  MAX_RETAINED_PER_TOPIC,
  RETAINED_PAGE,
  type RetainedEvents,
  type RetainedTopics,
  type RetainOutcome,
  type RetentionBounds,
} from '../retained-events.js';
import type { SharedStep } from './shared-step.js';
import { sweep } from './sweep.js';

interface RetainedEvent {
  readonly untilMs: number;
  readonly isForAll: boolean;
  readonly bytes: Uint8Array;
}

/** The events of one topic, the newest first. `order` is that of the newest among all topics of the realm. */
interface TopicRow {
  readonly order: number;
  readonly events: readonly RetainedEvent[];
}

interface RealmRows {
  /** The topic with the newest event last. */
  readonly topics: Map<Uri, TopicRow>;
  bytes: number;
}

/** The oldest topics, among which a `put` that reaches a bound looks for expired ones. */
const MAX_OLDEST = 16;

/** The retained events of a hub. Nodes put them in the order of their marks, so that none is superseded. */
export class SharedRetainedEvents {
  readonly #nowMs: () => number;
  readonly #realms = new Map<Uri, RealmRows>();
  #lastOrder = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  put(realm: Uri, publication: Publication, { maxTopics, maxBytes, ttlMs }: RetentionBounds): RetainOutcome {
    const rows = this.#realms.get(realm) ?? this.#begin();
    const { topic } = publication;
    const isForAll = publication.audience === undefined;
    const untilMs = ttlMs === 0 ? Infinity : this.#nowMs() + ttlMs;
    const event: RetainedEvent = { untilMs, isForAll, bytes: packPublication(publication) };
    const known = rows.topics.get(topic);
    const events = isForAll ? [event] : this.#inFront(event, known);
    const growth = sizeOf(topic, events) - (known === undefined ? 0 : sizeOf(topic, known.events));
    const isFull = (): 'topics' | 'bytes' | undefined => {
      if (known === undefined && rows.topics.size >= maxTopics) return 'topics';
      return rows.bytes + growth > maxBytes ? 'bytes' : undefined;
    };
    if (isFull() !== undefined) this.#removeExpired(rows, topic);
    const bound = isFull();
    if (bound !== undefined) return bound;
    rows.topics.delete(topic);
    rows.topics.set(topic, { order: ++this.#lastOrder, events });
    rows.bytes += growth;
    this.#realms.set(realm, rows);
    return 'kept';
  }

  clear(realm: Uri, topic: Uri): void {
    const rows = this.#realms.get(realm);
    if (rows !== undefined) remove(rows, topic);
    if (rows?.topics.size === 0) this.#realms.delete(realm);
  }

  get(realm: Uri, topic: Uri): readonly Publication[] {
    const known = this.#realms.get(realm)?.topics.get(topic);
    return this.#live(known).flatMap(({ bytes }) => {
      const event = unpackPublication(bytes);
      return typeof event === 'string' ? [] : [event];
    });
  }

  topics(realm: Uri, from = Infinity): RetainedTopics {
    const all = [...(this.#realms.get(realm)?.topics ?? [])].filter(([, { order }]) => order < from).reverse();
    const page = all.slice(0, RETAINED_PAGE);
    const topics = page.map(([topic]) => topic);
    const last = page.at(-1)?.[1].order;
    return last === undefined || page.length === all.length ? { topics } : { topics, next: last };
  }

  /** A realm that was created by a client may never be used again: what expires there is removed when others begin. */
  #begin(): RealmRows {
    sweep(this.#realms, (rows) => {
      this.#removeExpired(rows);
      return rows.topics.size === 0;
    });
    return { topics: new Map(), bytes: 0 };
  }

  #inFront(event: RetainedEvent, known: TopicRow | undefined): readonly RetainedEvent[] {
    const events = [event, ...this.#live(known)];
    if (events.length > MAX_RETAINED_PER_TOPIC) {
      const isLastForAll = events.at(-1)?.isForAll === true;
      events.splice(isLastForAll ? -2 : -1, 1);
    }
    return events;
  }

  #live(row: TopicRow | undefined): readonly RetainedEvent[] {
    const nowMs = this.#nowMs();
    return row?.events.filter(({ untilMs }) => untilMs > nowMs) ?? [];
  }

  #removeExpired(rows: RealmRows, except?: Uri): void {
    let count = 0;
    for (const [topic, row] of rows.topics) {
      if (count++ === MAX_OLDEST) return;
      if (topic !== except && this.#live(row).length === 0) remove(rows, topic);
    }
  }
}

/** The retained events as one node of the hub uses them. */
export class MemoryRetainedEvents implements RetainedEvents {
  readonly #shared: SharedRetainedEvents;
  readonly #share: SharedStep;

  constructor(shared: SharedRetainedEvents, share: SharedStep) {
    this.#shared = shared;
    this.#share = share;
  }

  put(realm: Uri, publication: Publication, bounds: RetentionBounds): Promise<RetainOutcome> {
    return this.#share(() => this.#shared.put(realm, publication, bounds));
  }

  clear(realm: Uri, topic: Uri): Promise<void> {
    return this.#share(() => this.#shared.clear(realm, topic));
  }

  get(realm: Uri, topic: Uri): Promise<readonly Publication[]> {
    return this.#share(() => this.#shared.get(realm, topic));
  }

  topics(realm: Uri, from?: number): Promise<RetainedTopics> {
    return this.#share(() => this.#shared.topics(realm, from));
  }
}

function remove(rows: RealmRows, topic: Uri): void {
  const row = rows.topics.get(topic);
  if (row === undefined) return;
  rows.topics.delete(topic);
  rows.bytes -= sizeOf(topic, row.events);
}

function sizeOf(topic: Uri, events: readonly RetainedEvent[]): number {
  return events.reduce((sum, { bytes }) => sum + bytes.length, topic.length);
}
