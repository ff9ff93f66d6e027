import { payloadValues } from '../../codec/payload-values.js';
import type { Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { PatternIndex } from '../pattern-index.js';
import type { Publication } from '../ports.js';

export interface TopicPattern {
  readonly uri: Uri;
  readonly match: MatchPolicy;
}

/** An empty payload has at most this many bytes in every serialization. */
const MAX_EMPTY_BYTES = 8;

/** Decides which events of a realm are kept. */
export class KeepingRules<Recorded extends TopicPattern = TopicPattern> {
  readonly #retained = new PatternIndex<TopicPattern>();
  readonly #recorded = new PatternIndex<Recorded>();
  readonly #clearOnEmpty: boolean;

  /** `clearOnEmpty`: an event without arguments removes what its topic had retained. `recorded`: for the history. */
  constructor(retained: readonly TopicPattern[], clearOnEmpty: boolean, recorded: readonly Recorded[] = []) {
    for (const pattern of retained) this.#retained.add(pattern.uri, pattern.match, pattern);
    for (const pattern of recorded) this.#recorded.add(pattern.uri, pattern.match, pattern);
    this.#clearOnEmpty = clearOnEmpty;
  }

  /** Events with lists of sessions are in no history: the sessions that ask later are others (HIS-6). */
  records({ topic, audience }: Publication): boolean {
    if (this.#recorded.size === 0 || this.#recorded.best(topic) === undefined) return false;
    return audience?.eligible === undefined && audience?.exclude === undefined;
  }

  /** The patterns for the history that the topic matches. */
  recording(topic: Uri): readonly Recorded[] {
    const matching: Recorded[] = [];
    this.#recorded.forEachMatch(topic, (pattern) => void matching.push(pattern));
    return matching;
  }

  retains(topic: Uri): boolean {
    return this.#retained.size > 0 && this.#retained.best(topic) !== undefined;
  }

  /** Whether a subscription may have a retained event. True for all patterns once any topic is retained. */
  mayRetain(topic: Uri, match: MatchPolicy): boolean {
    return match === 'exact' ? this.retains(topic) : this.#retained.size > 0;
  }

  clears({ payload }: Publication): boolean {
    if (!this.#clearOnEmpty || payload.bytes.length > MAX_EMPTY_BYTES) return false;
    const values = payloadValues(payload);
    return values !== undefined && values.args.length === 0 && Object.keys(values.kwargs).length === 0;
  }
}
