import { describe, expect, it } from 'vitest';
import { BatchReader } from '../../../../src/backplane/wire/batch-reader.js';
import { BatchWriter, encodeProbe } from '../../../../src/backplane/wire/batch-writer.js';
import type { LaneItem, MessageHead } from '../../../../src/backplane/wire/format.js';
import { ItemWriter } from '../../../../src/backplane/wire/item-writer.js';
import { takeMemory, NO_PAYLOAD, payloadOf, rawPayload } from '../../../../src/codec/payload.js';
import { FloatOnWire } from '../../../../src/wamp/float-on-wire.js';
import type { PublicationId, SessionId } from '../../../../src/wamp/ids.js';
import type { Dict } from '../../../../src/wamp/options.js';
import { ListedIds } from '../../../../src/wamp/session-ids.js';
import type { InvokeFrame } from '../../../../src/routing/frames.js';
import { batchOf, itemsOf, rechecked, withLastKind, writeItem } from '../../../support/batches.js';
import { A, B, C, plainItem, publicationOf, framesOf, TRACE } from '../../../support/lane-items.js';

function read(message: Uint8Array, node = B): readonly LaneItem[] {
  const items = itemsOf(message, node);
  if (typeof items === 'string') throw new Error(items);
  return items;
}

const roundTrip = (items: readonly LaneItem[]): unknown[] => read(batchOf(items)).map(plainItem);

describe('a batch', () => {
  it('reports from whom it is, its sequence and how many items it has', () => {
    const head = new BatchReader(B).open(batchOf([{ kind: 'sync' }], 2 ** 53)) as MessageHead;
    expect(head).toEqual({ kind: 'batch', from: A, sequence: 2 ** 53, itemCount: 1 });
  });

  it('brings a publication as it was sent', () => {
    const items: LaneItem[] = [
      { kind: 'publication', realm: 'r', publication: publicationOf() },
      {
        kind: 'publication',
        realm: 'realm.zwei',
        publication: publicationOf({
          id: (2 ** 53) as PublicationId,
          topic: 'größe.日本.🎉',
          excludePublisher: false,
          disclosePublisher: true,
          publisher: { session: (2 ** 53) as SessionId, authid: '', authrole: 'ä'.repeat(200) },
          passthru: { form: 'ppt', details: { ppt_scheme: 'x_a', ppt_keyid: 'k' } },
          audience: { eligible: new ListedIds([3, 2 ** 53, 1, 0]), excludeAuthrole: new Set() },
        }),
      },
    ];
    expect(roundTrip(items)).toEqual(items.map(plainItem));
  });

  it('brings frames of every kind as they were sent', () => {
    const items = [...framesOf(A), ...framesOf(B), ...framesOf(C)].map((frame): LaneItem => ({
      kind: 'frame',
      realm: 'r',
      frame,
    }));
    expect(roundTrip(items)).toEqual(items.map(plainItem));
  });

  it('brings confirmations, questions and the wish for the sequence', () => {
    const items: LaneItem[] = [
      { kind: 'confirmed', realm: 'r', version: 0 },
      { kind: 'ask', realm: '', version: 2 ** 53 },
      { kind: 'sync' },
    ];
    expect(roundTrip(items)).toEqual(items);
  });

  it.each(['eligible', 'exclude', 'eligibleAuthid', 'eligibleAuthrole', 'excludeAuthid', 'excludeAuthrole'] as const)(
    'keeps whether %s is there, also when it is empty (BWL-2)',
    (name) => {
      const isIds = name === 'eligible' || name === 'exclude';
      for (const list of isIds ? [new ListedIds([]), new ListedIds([7])] : [new Set<string>(), new Set(['x', ''])]) {
        const publication = publicationOf({ audience: { [name]: list } });
        const item: LaneItem = { kind: 'publication', realm: 'r', publication };
        expect(roundTrip([item])).toEqual([plainItem(item)]);
      }
    },
  );

  it('keeps an audience without a list apart from no audience', () => {
    const item: LaneItem = { kind: 'publication', realm: 'r', publication: publicationOf({ audience: {} }) };
    expect(roundTrip([item])).toEqual([plainItem(item)]);
  });

  it('brings passthru values of every type exactly (PPT-5)', () => {
    const details: Dict = {
      bytes: Uint8Array.of(0, 255),
      text: '\u0000ä',
      numbers: [0, -0, NaN, Infinity, 2 ** 53, -(2 ** 53), 1.5, new FloatOnWire(3), new FloatOnWire(-0)],
      big: [2n ** 64n, -(2n ** 200n), 0n],
      nested: { list: [[], [null, true, false]], dict: { deep: { deeper: {} } } },
      ...(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}') as Dict),
    };
    const item: LaneItem = {
      kind: 'frame',
      realm: 'r',
      frame: {
        kind: 'result',
        call: { node: A, number: 1 },
        progress: false,
        passthru: { form: 'enc', details },
        payload: NO_PAYLOAD,
      },
    };
    const [received] = read(batchOf([item]));
    expect(received).toStrictEqual(item);
    expect(({} as Dict)['polluted']).toBeUndefined();
  });

  it('brings a trace context that it does not interpret, and leaves out one that is too long', () => {
    const [invoke] = framesOf(A);
    const traced = (trace: string): LaneItem[] => [
      { kind: 'publication', realm: 'r', publication: publicationOf({ trace }) },
      { kind: 'frame', realm: 'r', frame: { ...(invoke as InvokeFrame), trace } },
    ];
    for (const trace of [TRACE, '', 'x'.repeat(256), 'ä'.repeat(128)])
      expect(roundTrip(traced(trace))).toEqual(traced(trace).map(plainItem));
    for (const trace of ['x'.repeat(257), 'ä'.repeat(129)])
      expect(roundTrip(traced(trace))).toEqual([
        plainItem({ kind: 'publication', realm: 'r', publication: publicationOf() }),
        plainItem({ kind: 'frame', realm: 'r', frame: invoke! }),
      ]);
  });

  it('with a trace that is too long is a flaw', () => {
    const item: LaneItem = { kind: 'publication', realm: 'r', publication: publicationOf({ trace: 'x'.repeat(256) }) };
    const message = Buffer.from(batchOf([item]));
    const at = message.indexOf(Buffer.from([0x80, 0x02, 0x78, 0x78]));
    const longer = Buffer.concat([
      message.subarray(0, at),
      Buffer.of(0x81),
      message.subarray(at + 1, at + 2),
      Buffer.from('x'),
      message.subarray(at + 2),
    ]);
    expect(itemsOf(rechecked(longer))).toBe('shape');
  });

  it('brings questions and answers with a body that it does not interpret', () => {
    const items: LaneItem[] = [
      { kind: 'question', realm: 'r', number: 2 ** 53, subject: 'sessions', body: Uint8Array.of(1, 2, 3) },
      { kind: 'answer', realm: 'r', number: 2 ** 53, hasMore: true, body: new Uint8Array(65_536) },
      { kind: 'answer', realm: 'r', number: 0, hasMore: false, body: new Uint8Array(0) },
    ];
    expect(roundTrip(items)).toEqual(items.map(plainItem));
  });

  it('leaves out a question or an answer with too large a body', () => {
    const writer = new BatchWriter(new ItemWriter(A), A, B);
    const body = new Uint8Array(65_537);
    expect(writer.question({ kind: 'question', realm: 'r', number: 1, subject: 'x', body })).toBe(false);
    expect(writer.answer({ kind: 'answer', realm: 'r', number: 1, hasMore: false, body })).toBe(false);
    writer.sync();
    expect(read(writer.finish(1))).toEqual([{ kind: 'sync' }]);
  });

  it.each([34, 77, 255])('with an item of the unknown kind %s brings the others', (kind) => {
    const writer = new BatchWriter(new ItemWriter(A), A, B);
    const item: LaneItem = { kind: 'publication', realm: 'r', publication: publicationOf() };
    const later: LaneItem = { kind: 'answer', realm: 'r', number: 1, hasMore: false, body: new Uint8Array(100) };
    writeItem(writer, item);
    writeItem(writer, later);
    const { itemBytes } = writer;
    const [first, skipped] = read(withLastKind(writer.finish(1), itemBytes, kind));
    expect([plainItem(first!), skipped]).toEqual([plainItem(item), { kind: 'unknown' }]);
  });

  it.each([11, 31])('with an item of the kind %s, which announces no length, is a flaw', (kind) => {
    const writer = new BatchWriter(new ItemWriter(A), A, B);
    writer.sync();
    expect(itemsOf(withLastKind(writer.finish(1), writer.itemBytes, kind))).toBe('shape');
  });

  it('ignores what a later release adds to a kind that announces its length', () => {
    const writer = new BatchWriter(new ItemWriter(A), A, B);
    const item: LaneItem = { kind: 'answer', realm: 'r', number: 1, hasMore: true, body: Uint8Array.of(1) };
    writeItem(writer, item);
    const { itemBytes } = writer;
    const message = writer.finish(1);
    const longer = Buffer.concat([message, Buffer.from('more')]);
    const lengthAt = message.length - itemBytes + 1;
    longer.writeUInt32LE(longer.readUInt32LE(lengthAt) + 4, lengthAt);
    longer[lengthAt + 4]! |= 0xf0;
    expect(read(rechecked(longer)).map(plainItem)).toEqual([plainItem(item)]);
  });

  it.each([
    ['a class it does not know', new Map()],
    ['a function', () => undefined],
    ['values nested too deep', Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 1)],
  ])('leaves out an item with %s and keeps the others whole', (_what, value) => {
    const writer = new BatchWriter(new ItemWriter(A), A, B);
    const good: LaneItem = { kind: 'publication', realm: 'r', publication: publicationOf() };
    expect(writeItem(writer, good)).toBe(true);
    const passthru = { form: 'ppt', details: { ppt_scheme: value } } as const;
    expect(writer.publication('r', publicationOf({ passthru }))).toBe(false);
    expect(writeItem(writer, good)).toBe(true);
    expect(read(writer.finish(1)).map(plainItem)).toEqual([plainItem(good), plainItem(good)]);
  });

  it('brings payloads of each serializer untouched, and those the router made', () => {
    const bytes = Buffer.from('xx[1,2],{"a":1}yy');
    const items = [
      rawPayload('json', 2, bytes, 2, 15),
      rawPayload('msgpack', 1, Uint8Array.of(0x91, 0xff)),
      rawPayload('cbor', 1, Buffer.alloc(100_000, 7)),
      payloadOf(['a'], { b: 1 }),
      NO_PAYLOAD,
    ].map((payload): LaneItem => ({ kind: 'publication', realm: 'r', publication: publicationOf({ payload }) }));
    expect(roundTrip(items)).toEqual(items.map(plainItem));
  });

  it('leaves room around a payload so that an event is written where it lies', () => {
    const payload = rawPayload('json', 1, Buffer.from('["a payload"]'));
    const items = [1, 2].map((): LaneItem => ({
      kind: 'publication',
      realm: 'r',
      publication: publicationOf({ payload }),
    }));
    const [first, second] = read(batchOf(items));
    if (first?.kind !== 'publication' || second?.kind !== 'publication') throw new Error('no publication');
    const lent = takeMemory(first.publication.payload, 'json', 48, 1);
    expect(lent).toHaveLength(48 + 13 + 1);
    expect(Buffer.from(lent!.subarray(48)).toString()).toBe('["a payload"]]');
    lent!.fill(0, 0, 48);
    expect(Buffer.from(second.publication.payload.bytes).toString()).toBe('["a payload"]');
  });

  it('keeps nothing of the memory it was read from', () => {
    const item: LaneItem = { kind: 'publication', realm: 'r', publication: publicationOf() };
    const message = batchOf([item]);
    const items = read(message);
    message.fill(0xff);
    expect(items.map(plainItem)).toEqual([plainItem(item)]);
  });

  it('holds items of another batch once more', () => {
    const items = new ItemWriter(A);
    const first = new BatchWriter(items, A, B);
    const other = new BatchWriter(items, A, C);
    const item: LaneItem = { kind: 'publication', realm: 'r', publication: publicationOf() };
    writeItem(first, { kind: 'sync' });
    writeItem(first, item);
    other.copyLast(first);
    expect(read(other.finish(1), C).map(plainItem)).toEqual([plainItem(item)]);
  });

  it('ends before its last item when asked to', () => {
    const writer = new BatchWriter(new ItemWriter(A), A, B);
    const items = ['a', 'b', 'c'].map((topic): LaneItem => ({
      kind: 'publication',
      realm: 'r',
      publication: publicationOf({ topic }),
    }));
    for (const item of items) writeItem(writer, item);
    expect(read(writer.finishBeforeLast(1)).map(plainItem)).toEqual(items.slice(0, 2).map(plainItem));
    expect(read(writer.finish(2)).map(plainItem)).toEqual(items.slice(2).map(plainItem));
  });
});

describe('a probe', () => {
  it('comes back with its number', () => {
    expect(new BatchReader(A).open(encodeProbe(A, 42))).toEqual({ kind: 'probe', from: A, sequence: 42, itemCount: 0 });
  });
});
