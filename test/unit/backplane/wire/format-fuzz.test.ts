import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CANCEL_MODES,
  CAUSES,
  type LaneItem,
  PASSTHRU_FORMS,
  SERIALIZERS,
} from '../../../../src/backplane/wire/format.js';
import { NO_PAYLOAD, rawPayload } from '../../../../src/codec/payload.js';
import type { Frame } from '../../../../src/routing/frames.js';
import type { Publication } from '../../../../src/routing/ports.js';
import type { Identity } from '../../../../src/routing/peer.js';
import type { NodeId, PublicationId, RegistrationId, SessionId } from '../../../../src/wamp/ids.js';
import { FloatOnWire } from '../../../../src/wamp/float-on-wire.js';
import type { AudienceLists, Passthru } from '../../../../src/wamp/options.js';
import { ListedIds } from '../../../../src/wamp/session-ids.js';
import { batchOf, itemsOf, rechecked, withLastKind } from '../../../support/batches.js';
import { A, B, framesOf, plainItem, publicationOf } from '../../../support/lane-items.js';
import { mutated } from '../../../support/mutations.js';

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 100 }));
const id = fc.oneof(fc.maxSafeInteger().map(Math.abs), fc.constantFrom(1, 2 ** 32, 2 ** 53)).map((value) => value || 1);
const count = fc.oneof(id, fc.constant(0));
const bytes = fc.uint8Array({ maxLength: 300 });
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.double(),
    fc.double().map((number) => new FloatOnWire(number)),
    fc.bigInt({ min: -(2n ** 256n), max: 2n ** 256n }),
    text,
    bytes,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const passthru: fc.Arbitrary<Passthru> = fc.record(
  {
    form: fc.constantFrom(...PASSTHRU_FORMS),
    details: fc.dictionary(text, value, { maxKeys: 4, noNullPrototype: true }),
  },
  { noNullPrototype: true },
);
const ids = fc.array(count, { maxLength: 5 }).map((list) => new ListedIds(list));
const names = fc.array(text, { maxLength: 5 }).map((list): ReadonlySet<string> => new Set(list));
const audience: fc.Arbitrary<AudienceLists> = fc.record(
  {
    eligible: ids,
    eligibleAuthid: names,
    eligibleAuthrole: names,
    exclude: ids,
    excludeAuthid: names,
    excludeAuthrole: names,
  },
  { noNullPrototype: true, requiredKeys: [] },
);
const payload = fc.oneof(
  fc.constant(NO_PAYLOAD),
  fc
    .tuple(
      fc.constantFrom(...SERIALIZERS),
      fc.constantFrom(1 as const, 2 as const),
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
    )
    .map(([serializer, elementCount, content]) => rawPayload(serializer, elementCount, content)),
);
const trace = fc.oneof(text, fc.string({ maxLength: 256 }));
const identity: fc.Arbitrary<Identity> = fc.record(
  {
    session: id as fc.Arbitrary<SessionId>,
    authid: text,
    authrole: text,
  },
  { noNullPrototype: true },
);
const publication: fc.Arbitrary<Publication> = fc.record(
  {
    id: id as fc.Arbitrary<PublicationId>,
    topic: text,
    payload,
    publisher: identity,
    excludePublisher: fc.boolean(),
    disclosePublisher: fc.boolean(),
    passthru,
    audience,
    trace,
    trustLevel: count,
  },
  {
    noNullPrototype: true,
    requiredKeys: ['id', 'topic', 'payload', 'publisher', 'excludePublisher', 'disclosePublisher'],
  },
);
const call = fc.record(
  { node: fc.oneof(fc.constantFrom(A, B), text as fc.Arbitrary<NodeId>), number: count },
  { noNullPrototype: true },
);
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('invoke' as const),
      call,
      registration: id as fc.Arbitrary<RegistrationId>,
      callee: id as fc.Arbitrary<SessionId>,
      procedure: text,
      caller: identity,
      discloseCaller: fc.boolean(),
      receiveProgress: fc.boolean(),
      progress: fc.boolean(),
      timeoutMs: count,
      passthru,
      trace,
      trustLevel: count,
      payload,
    },
    {
      noNullPrototype: true,
      requiredKeys: [
        'kind',
        'call',
        'registration',
        'callee',
        'procedure',
        'caller',
        'discloseCaller',
        'receiveProgress',
        'progress',
        'timeoutMs',
        'payload',
      ],
    },
  ),
  fc.record(
    { kind: fc.constant('continue' as const), call, progress: fc.boolean(), payload },
    { noNullPrototype: true },
  ),
  fc.record(
    { kind: fc.constant('cancel' as const), call, mode: fc.constantFrom(...CANCEL_MODES) },
    { noNullPrototype: true },
  ),
  fc.record(
    { kind: fc.constant('result' as const), call, progress: fc.boolean(), passthru, payload },
    { noNullPrototype: true, requiredKeys: ['kind', 'call', 'progress', 'payload'] },
  ),
  fc.record(
    { kind: fc.constant('failure' as const), call, cause: fc.constantFrom(...CAUSES), error: text, passthru, payload },
    { noNullPrototype: true, requiredKeys: ['kind', 'call', 'cause', 'error', 'payload'] },
  ),
  fc.constant({ kind: 'lost' as const }),
);
const item: fc.Arbitrary<LaneItem> = fc.oneof(
  fc.record({ kind: fc.constant('publication' as const), realm: text, publication }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('frame' as const), realm: text, frame }, { noNullPrototype: true }),
  fc.record(
    { kind: fc.constantFrom('confirmed' as const, 'ask' as const), realm: text, version: count },
    { noNullPrototype: true },
  ),
  fc.constant({ kind: 'sync' as const }),
  fc.record(
    { kind: fc.constant('question' as const), realm: text, number: count, subject: text, body: bytes },
    { noNullPrototype: true },
  ),
  fc.record(
    { kind: fc.constant('answer' as const), realm: text, number: count, hasMore: fc.boolean(), body: bytes },
    { noNullPrototype: true },
  ),
);

const samples: readonly LaneItem[] = [
  { kind: 'publication', realm: 'r', publication: publicationOf() },
  {
    kind: 'publication',
    realm: 'r',
    publication: publicationOf({
      passthru: { form: 'ppt', details: { ppt_scheme: 'x', nested: [[1, 'a'], { b: null, c: 2n ** 70n }] } },
      audience: { eligible: new ListedIds([1, 2]), excludeAuthid: new Set(['a', 'bc']) },
    }),
  },
  ...framesOf(A).map((sample): LaneItem => ({ kind: 'frame', realm: 'r', frame: sample })),
  { kind: 'confirmed', realm: 'r', version: 3 },
  { kind: 'ask', realm: 'r', version: 4 },
  { kind: 'sync' },
  { kind: 'question', realm: 'r', number: 5, subject: 'x.subject', body: Uint8Array.of(0x91, 1) },
  { kind: 'answer', realm: 'r', number: 5, hasMore: true, body: Uint8Array.of(0x91, 2) },
];
/** As a later release may send them. */
const ofUnknownKind = batchOf([
  { kind: 'sync' },
  { kind: 'answer', realm: 'r', number: 6, hasMore: false, body: Uint8Array.of(0x90) },
]);
const batches = [batchOf(samples), ...samples.map((sample) => batchOf([sample])), withLastKind(ofUnknownKind, 18, 200)];
const known = (items: readonly LaneItem[]): LaneItem[] => items.filter(({ kind }) => kind !== 'unknown');

const plainItems = (items: readonly LaneItem[] | string) => (typeof items === 'string' ? items : items.map(plainItem));

describe('batches', () => {
  it('bring any items exactly', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 8 }), (items) => {
        expect(plainItems(itemsOf(batchOf(items)))).toStrictEqual(items.map(plainItem));
      }),
      { numRuns: 500 },
    );
  });

  it('are a flaw wherever they are cut off, also when the checksum fits', () => {
    for (const batch of batches)
      for (let length = 0; length < batch.length; length++) {
        const cut = batch.slice(0, length);
        expect(typeof itemsOf(cut)).toBe('string');
        expect(typeof itemsOf(rechecked(cut))).toBe('string');
      }
  });

  it('are a flaw when any bit is another', () => {
    const batch = batchOf(samples.slice(0, 3));
    for (let bit = 0; bit < batch.length * 8; bit++) {
      const flipped = Buffer.from(batch);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(typeof itemsOf(flipped)).toBe('string');
    }
  });

  it('with changed bytes are a flaw', () => {
    fc.assert(
      fc.property(mutated(batches), (changed) => {
        if (batches.some((batch) => changed.equals(batch))) return;
        expect(typeof itemsOf(changed)).toBe('string');
      }),
      { numRuns: 2_000 },
    );
  });

  it('with changed bytes and a checksum that fits have only what can be encoded, or nothing at all', () => {
    let decodedCount = 0;
    fc.assert(
      fc.property(mutated(batches), (changed) => {
        const items = itemsOf(rechecked(changed));
        if (typeof items === 'string') return;
        decodedCount++;
        expect(plainItems(itemsOf(batchOf(known(items))))).toStrictEqual(known(items).map(plainItem));
      }),
      { numRuns: 5_000 },
    );
    expect(decodedCount).toBeGreaterThan(0);
  });

  it('of arbitrary bytes are a flaw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (content) => {
        expect(typeof itemsOf(content)).toBe('string');
        const framed = Buffer.concat([batches[0]!.subarray(0, 60), content]);
        expect(typeof itemsOf(rechecked(framed))).toBe('string');
      }),
      { numRuns: 2_000 },
    );
  });
});
