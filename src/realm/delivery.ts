import { admits, eventDetails, isOpenToAll } from '../routing/broker/audience.js';
import type { Codec } from '../codec/codec.js';
import { eventHead, SharedBody } from '../codec/shared-body.js';
import type { Publication, Subscription } from '../routing/ports.js';
import { Cost, costOfBytes, type TurnMeter } from '../routing/turn-meter.js';
import type { Session } from '../session/ports.js';
import type { Counters } from '../telemetry/counters.js';
import { Code } from '../wamp/codes.js';
import type { Event } from '../wamp/messages.js';
import type { TrustLevel } from '../wamp/options.js';
import type { Payload, SerializerId } from '../wamp/payload.js';

/**
 * An EVENT, or its head, in each serializer that a receiver has needed so far; null: the serializer cannot represent
 * it.
 */
type Encodings = Record<SerializerId, Uint8Array | null | undefined>;

/** A payload in each serializer, to follow several heads. */
type Bodies = Record<SerializerId, SharedBody | undefined>;

/** A payload of this size is copied at most once for each serializer, however many subscriptions it matches. */
export const SHARE_FROM_BYTES = 16_384;

/**
 * Delivers events. Encodes once per subscription and serializer, then queues one write per receiver and allocates
 * nothing for it. From the second subscription on, a large payload is shared and only heads are encoded. A receiver
 * whose serializer cannot represent the payload, or that takes no message so long, is skipped and counted (G4, RS-3).
 */
export class Delivery {
  readonly #codecs: Readonly<Record<SerializerId, Codec>>;
  readonly #counters: Counters;
  /** Large payloads that were already delivered to a subscription. */
  readonly #bodies = new WeakMap<Payload, Bodies>();
  readonly #meter: TurnMeter;

  constructor(codecs: Readonly<Record<SerializerId, Codec>>, counters: Counters, meter: TurnMeter) {
    this.#codecs = codecs;
    this.#counters = counters;
    this.#meter = meter;
  }

  deliver(publication: Publication, subscription: Subscription<Session>): void {
    const { trustLevel } = publication;
    if (trustLevel === undefined) {
      this.#deliver(publication, subscription, undefined);
      return;
    }
    const [trusting, others] = byTrust(subscription.receivers);
    if (trusting.length > 0) this.#deliver(publication, { ...subscription, receivers: trusting }, trustLevel);
    if (others.length > 0) this.#deliver(publication, { ...subscription, receivers: others }, undefined);
  }

  /** To all receivers of the subscription, with the same details. */
  #deliver(publication: Publication, subscription: Subscription<Session>, trustLevel: TrustLevel | undefined): void {
    const event: Event = [
      Code.EVENT,
      subscription.id,
      publication.id,
      eventDetails(publication, subscription, trustLevel),
      publication.payload,
    ];
    const toAll = isOpenToAll(publication);
    const encodings: Encodings = { json: undefined, msgpack: undefined, cbor: undefined };
    const bodies = publication.payload.byteLength < SHARE_FROM_BYTES ? undefined : this.#shared(publication.payload);
    let deliveredCount = 0;
    for (const receiver of subscription.receivers) {
      if (!toAll && !admits(publication, receiver)) continue;
      let encoded = encodings[receiver.serializer];
      if (encoded === undefined) {
        if (!receiver.isReachable) continue;
        encoded = encodings[receiver.serializer] = this.#encode(event, receiver.serializer, bodies);
      }
      if (encoded === null) {
        this.#counters.eventsDropped.untranscodable++;
        continue;
      }
      const body = bodies?.[receiver.serializer];
      if (encoded.length + (body?.length ?? 0) > receiver.maxMessageBytes) {
        this.#counters.eventsDropped.too_large++;
        continue;
      }
      receiver.write(encoded, body);
      deliveredCount++;
    }
    this.#meter.spent += Cost.MATCH + Cost.RECEIVER * subscription.receivers.length;
    this.#counters.eventsDelivered.all += deliveredCount;
    this.#counters.messagesOut[Code.EVENT] = (this.#counters.messagesOut[Code.EVENT] ?? 0) + deliveredCount;
  }

  /** Undefined the first time: most publications match one subscription and need no shared copy. */
  #shared(payload: Payload): Bodies | undefined {
    const bodies = this.#bodies.get(payload);
    if (bodies === undefined) this.#bodies.set(payload, { json: undefined, msgpack: undefined, cbor: undefined });
    return bodies;
  }

  #encode(event: Event, serializer: SerializerId, bodies: Bodies | undefined): Uint8Array | null {
    const codec = this.#codecs[serializer];
    if (bodies === undefined) {
      const encoded = codec.encode(event);
      if (!(encoded instanceof Uint8Array)) return null;
      this.#meter.spent += costOfBytes(encoded.length);
      return encoded;
    }
    bodies[serializer] ??= SharedBody.of(event[4], serializer);
    return (bodies[serializer] && eventHead(codec, event)) ?? null;
  }
}

/** The receivers that announced publication_trustlevels, and the others. */
function byTrust(receivers: readonly Session[]): [trusting: Session[], others: Session[]] {
  const trusting: Session[] = [];
  const others: Session[] = [];
  for (const receiver of receivers) {
    const announced = receiver.features.subscriber?.has('publication_trustlevels') === true;
    (announced ? trusting : others).push(receiver);
  }
  return [trusting, others];
}
