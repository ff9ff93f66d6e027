import { admits, eventDetails, isOpenToAll } from '../routing/broker/audience.js';
import type { Codec } from '../codec/codec.js';
import type { Publication, Subscription } from '../routing/ports.js';
import type { Session } from '../session/ports.js';
import type { Counters } from '../telemetry/counters.js';
import { Code } from '../wamp/codes.js';
import type { Event } from '../wamp/messages.js';
import type { SerializerId } from '../wamp/payload.js';

/** An EVENT in each serializer that a receiver needed so far; null: it cannot be said there. */
type Encodings = Record<SerializerId, Uint8Array | null | undefined>;

/**
 * Fan-out. One encoding per subscription and serializer, then one queued write per receiver and nothing allocated
 * for it. A receiver whose serializer cannot express the payload is skipped and counted (G4).
 */
export class Delivery {
  readonly #codecs: Readonly<Record<SerializerId, Codec>>;
  readonly #counters: Counters;

  constructor(codecs: Readonly<Record<SerializerId, Codec>>, counters: Counters) {
    this.#codecs = codecs;
    this.#counters = counters;
  }

  deliver(publication: Publication, subscription: Subscription<Session>): void {
    const event: Event = [
      Code.EVENT,
      subscription.id,
      publication.id,
      eventDetails(publication, subscription),
      publication.payload,
    ];
    const toAll = isOpenToAll(publication);
    const encodings: Encodings = { json: undefined, msgpack: undefined, cbor: undefined };
    let deliveredCount = 0;
    for (const receiver of subscription.receivers) {
      if (!toAll && !admits(publication, receiver)) continue;
      let encoded = encodings[receiver.serializer];
      if (encoded === undefined) {
        if (!receiver.isReachable) continue;
        encoded = this.#encode(event, receiver.serializer, encodings);
      }
      if (encoded === null) {
        this.#counters.eventsDropped.untranscodable++;
        continue;
      }
      receiver.write(encoded);
      deliveredCount++;
    }
    this.#counters.eventsDelivered.all += deliveredCount;
    this.#counters.messagesOut[Code.EVENT] = (this.#counters.messagesOut[Code.EVENT] ?? 0) + deliveredCount;
  }

  #encode(event: Event, serializer: SerializerId, encodings: Encodings): Uint8Array | null {
    const encoded = this.#codecs[serializer].encode(event);
    return (encodings[serializer] = encoded instanceof Uint8Array ? encoded : null);
  }
}
