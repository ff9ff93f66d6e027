import { isId, type Uri } from '../../wamp/ids.js';
import type { List } from '../../wamp/options.js';

/** The way of meta events to their subscribers. */
export interface MetaEventsPort {
  /** Whether a session of this node receives the topic. */
  isWantedHere(topic: Uri): boolean;
  /** Publishes to the sessions of this node only. Does nothing when none receives the topic. */
  publishHere(topic: Uri, args: List): void;
  /** Publishes to the other nodes only; they decide by `arrived`. Does nothing when no other node wants the topic. */
  publishElsewhere(topic: Uri, args: List): void;
  /** A beginning that no event has announced is forgotten before its time: there are too many. */
  forgotten(): void;
  nowMs(): number;
}

/** The id in the details of on_create. 0: there is none. */
export function idIn(details: unknown): number {
  const id = typeof details === 'object' && details !== null && 'id' in details ? details.id : 0;
  return isId(id) ? id : 0;
}
