import { describe, expect, it } from 'vitest';
import { createCodecs } from '../../../src/codec/codecs.js';
import { eventHead, SharedBody } from '../../../src/codec/shared-body.js';
import { Code } from '../../../src/wamp/codes.js';
import { isFault } from '../../../src/wamp/faults.js';
import type { PublicationId, SubscriptionId } from '../../../src/wamp/ids.js';
import type { Event } from '../../../src/wamp/messages.js';
import { NO_DETAILS, type Dict } from '../../../src/wamp/options.js';
import type { Payload, SerializerId } from '../../../src/wamp/payload.js';
import { serializers } from '../../support/serializers.js';

const codecs = createCodecs({ maxDepth: 64, maxContainerEntries: 65_536 });
const ids: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];

const ARGUMENTS: readonly (readonly [name: string, elements: readonly unknown[]])[] = [
  ['a list', [[1, 'two']]],
  ['a list and a dict', [[], { key: ['value'] }]],
];

function payloadFrom(serializer: SerializerId, elements: readonly unknown[]): Payload {
  const decoded = codecs[serializer].decode(serializers[serializer].encode([16, 1, {}, 'a.topic', ...elements]));
  if (isFault(decoded)) throw new Error(decoded.message);
  return decoded.payload;
}

const eventOf = (subscription: number, details: Dict, payload: Payload): Event => [
  Code.EVENT,
  subscription as SubscriptionId,
  2 as PublicationId,
  details,
  payload,
];

describe.each(ids)('a body shared by messages in %s', (serializer) => {
  const codec = codecs[serializer];

  describe.each(ids)('from a payload in %s', (from) => {
    it.each(ARGUMENTS)('makes each message what it would be alone, with %s', (_name, elements) => {
      const payload = payloadFrom(from, elements);
      const body = SharedBody.of(payload, serializer)!;
      const topics = [undefined, 'a.topic', 'a.topic'.repeat(100), 'b'];
      for (const [index, topic] of topics.entries()) {
        const event = eventOf(index + 1, topic === undefined ? NO_DETAILS : { topic }, payload);
        const head = eventHead(codec, event)!;
        const whole = Buffer.from(body.join(head));
        expect(whole.equals(codec.encode(event) as Uint8Array)).toBe(true);
        expect(whole).toHaveLength(head.length + body.length);
      }
    });
  });

  it('does not copy the payload again for each of them', () => {
    const body = SharedBody.of(payloadFrom(serializer, [['x'.repeat(1_000)]]), serializer)!;
    const [one, other] = [1, 2].map((id) =>
      body.join(eventHead(codec, eventOf(id, NO_DETAILS, payloadFrom(serializer, [[1]])))!),
    );
    expect(one!.buffer).toBe(other!.buffer);
  });
});

it('there is none for a payload that the serializer cannot express', () => {
  const payload = payloadFrom('cbor', [[NaN]]);
  expect(payload.in('json')).not.toBeInstanceOf(Uint8Array);
  expect(SharedBody.of(payload, 'json')).toBeUndefined();
});
