import type { Publication } from '../routing/ports.js';
import type { Uri } from '../wamp/ids.js';

export interface RetentionBounds {
  /** Topics of the realm with retained events. */
  readonly maxTopics: number;
  /** Bytes of all retained events of the realm, with their topics, as they are stored. */
  readonly maxBytes: number;
  /** 0: until another event takes its place. */
  readonly ttlMs: number;
}

/** `superseded`: a later event of the same node is there already. `topics`, `bytes`: a bound is reached, and the topic keeps what it had. */
export type RetainOutcome = 'kept' | 'superseded' | 'topics' | 'bytes';

/** Some topics with retained events, those with the newest first. */
export interface RetainedTopics {
  readonly topics: readonly Uri[];
  /** For the next call. Absent: these were the last. */
  readonly next?: number;
}

/** Events of one topic at most: the newest for all receivers, and those for some of them that came after it. */
export const MAX_RETAINED_PER_TOPIC = 8;
/** Topics in one `RetainedTopics` at most. */
export const RETAINED_PAGE = 500;

/**
 * The newest events of topics, which the nodes of a realm share. Each method is one atomic step and one round trip. Each rejects
 * with BackplaneUnavailableError when the store cannot be reached. The store may have done the step or not. A store that
 * loses its data loses all of these events.
 */
export interface RetainedEvents {
  /**
   * Stores the publication, which has a mark, as the newest of its topic, unless a later one of its node is there. An event for all receivers
   * takes the place of all earlier ones; one with an audience is put in front of them, and the oldest with an audience makes room.
   * Rejects with TypeError when the publication cannot be packed.
   */
  put(realm: Uri, publication: Publication, bounds: RetentionBounds): Promise<RetainOutcome>;
  /** Removes all events of the topic. Repeating it changes nothing. */
  clear(realm: Uri, topic: Uri): Promise<void>;
  /** The events of the topic, the newest first. */
  get(realm: Uri, topic: Uri): Promise<readonly Publication[]>;
  /** Topics by their newest event. An event that comes meanwhile may move its topic out of sight. */
  topics(realm: Uri, from?: number): Promise<RetainedTopics>;
}
