import fc from 'fast-check';

export interface Change {
  readonly at: number;
  readonly kind: 'set' | 'flip' | 'insert' | 'remove' | 'double' | 'cut';
  readonly byte: number;
}

/** One change of a few bytes. */
export const anyChange: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom<Change['kind']>('set', 'flip', 'insert', 'remove', 'double', 'cut'),
  byte: fc.nat(255),
});

/** One of these frames with a few bytes changed, left out or repeated. */
export function mutated(frames: readonly Uint8Array[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.constantFrom(...frames), fc.array(anyChange, { minLength: 1, maxLength: 4 }))
    .map(([frame, changes]) => changes.reduce(changed, Buffer.from(frame)));
}

export function changed(bytes: Buffer, { at, kind, byte }: Change): Buffer {
  const pos = at % (bytes.length + 1);
  const [before, after] = [bytes.subarray(0, pos), bytes.subarray(pos)];
  switch (kind) {
    case 'set':
      return Buffer.concat([before, Buffer.of(byte), after.subarray(1)]);
    case 'flip':
      return Buffer.concat([before, Buffer.of((after[0] ?? 0) ^ (1 << (byte % 8))), after.subarray(1)]);
    case 'insert':
      return Buffer.concat([before, Buffer.of(byte), after]);
    case 'remove':
      return Buffer.concat([before, after.subarray(1 + (byte % 8))]);
    case 'double':
      return Buffer.concat([before, bytes, after]);
    case 'cut':
      return Buffer.from(before);
  }
}
