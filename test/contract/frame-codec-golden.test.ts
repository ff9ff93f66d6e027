import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BatchReader } from '../../src/backplane/wire/batch-reader.js';
import { BatchWriter, encodeGone, encodeProbe } from '../../src/backplane/wire/batch-writer.js';
import { FORMAT_VERSION, type LaneItem, READ_VERSIONS } from '../../src/backplane/wire/format.js';
import { ItemWriter } from '../../src/backplane/wire/item-writer.js';
import { NO_PAYLOAD, rawPayload } from '../../src/codec/payload.js';
import { FloatOnWire } from '../../src/wamp/float-on-wire.js';
import type { NodeId } from '../../src/wamp/ids.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { ListedIds } from '../../src/wamp/session-ids.js';
import { writeItem } from '../support/batches.js';
import { plainItem } from '../support/lane-items.js';

/** Objects with one key that begins with $ stand for what JSON has no word for. */
interface Vector {
  readonly name: string;
  readonly sequence: number;
  readonly items: readonly unknown[];
  /** The whole message, hexadecimal. */
  readonly bytes: string;
}

interface Vectors {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly probe: { readonly number: number; readonly bytes: string };
  /** Hexadecimal. */
  readonly gone: string;
  /** Hexadecimal: a batch of a wish for the sequence and an item that only a later release knows. */
  readonly ofUnknownKind: string;
  readonly batches: readonly Vector[];
}

const { from, to, probe, gone, ofUnknownKind, batches } = JSON.parse(
  readFileSync(new URL('vectors/frames-v1.json', import.meta.url), 'utf8'),
) as Vectors;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const itemsOf = (vector: Vector): LaneItem[] => vector.items.map((item) => revived(item) as LaneItem);

function revived(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revived);
  if (typeof value !== 'object' || value === null) return value;
  const [[key, content] = ['', undefined]] = Object.entries(value);
  switch (key) {
    case '$bytes':
      return new Uint8Array(Buffer.from(content as string, 'hex'));
    case '$integer':
      return BigInt(content as string);
    case '$float':
      return new FloatOnWire(content as number);
    case '$ids':
      return new ListedIds(content as number[]);
    case '$names':
      return new Set(content as string[]);
    case '$payload': {
      const [serializer, elementCount, bytes] = content as [SerializerId, 0 | 1 | 2, string];
      return elementCount === 0 ? NO_PAYLOAD : rawPayload(serializer, elementCount, Buffer.from(bytes, 'hex'));
    }
    default:
      return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, revived(field)]));
  }
}

describe('golden bytes of the frame format, version 1', () => {
  it('is the version written, and one of those read', () => {
    expect(FORMAT_VERSION).toBe(1);
    expect(READ_VERSIONS).toContain(1);
  });

  it.each(batches)('writes $name byte by byte', (vector) => {
    const writer = new BatchWriter(new ItemWriter(from), from, to);
    for (const item of itemsOf(vector)) expect(writeItem(writer, item)).toBe(true);
    expect(hex(writer.finish(vector.sequence))).toBe(vector.bytes);
  });

  it.each(batches)('reads $name', (vector) => {
    const reader = new BatchReader(to);
    const head = reader.open(Buffer.from(vector.bytes, 'hex'));
    expect(head).toEqual({ kind: 'batch', from, sequence: vector.sequence, itemCount: vector.items.length });
    expect(reader.items()?.map(plainItem)).toStrictEqual(itemsOf(vector).map(plainItem));
  });

  it('skips an item of an unknown kind', () => {
    const reader = new BatchReader(to);
    const head = reader.open(Buffer.from(ofUnknownKind, 'hex'));
    expect(head).toEqual({ kind: 'batch', from, sequence: 17, itemCount: 2 });
    expect(reader.items()).toEqual([{ kind: 'unknown' }, { kind: 'sync' }]);
  });

  it('writes and reads a probe', () => {
    expect(hex(encodeProbe(from, probe.number))).toBe(probe.bytes);
    const head = { kind: 'probe', from, sequence: probe.number, itemCount: 0 };
    expect(new BatchReader(from).open(Buffer.from(probe.bytes, 'hex'))).toEqual(head);
  });

  it('writes and reads the news of an end', () => {
    expect(hex(encodeGone(from, to))).toBe(gone);
    const head = { kind: 'gone', from, sequence: 0, itemCount: 0 };
    expect(new BatchReader(to).open(Buffer.from(gone, 'hex'))).toEqual(head);
  });
});
