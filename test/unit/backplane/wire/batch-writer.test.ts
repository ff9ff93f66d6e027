import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchWriter } from '../../../../src/backplane/wire/batch-writer.js';
import type { LaneItem } from '../../../../src/backplane/wire/format.js';
import { ItemWriter } from '../../../../src/backplane/wire/item-writer.js';
import { rawPayload } from '../../../../src/codec/payload.js';
import { itemsOf } from '../../../support/batches.js';
import { A, B, C, publicationOf } from '../../../support/lane-items.js';

type Step =
  | { readonly kind: 'both' | 'first' | 'second'; readonly size: number }
  | { readonly kind: 'finish first' | 'finish second' | 'split first' | 'split second' | 'release' | 'unsayable' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('both' as const, 'both' as const, 'first' as const, 'second' as const),
      size: fc.oneof(fc.nat(100), fc.nat(30_000)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'finish first' as const,
        'finish second' as const,
        'split first' as const,
        'split second' as const,
        'release' as const,
        'unsayable' as const,
      ),
    }),
  },
);

function sized(kind: 'both' | 'first' | 'second', size: number): Step {
  return { kind, size };
}

function topicsOf(message: Uint8Array, node: typeof B): string[] {
  const items = itemsOf(message, node);
  if (typeof items === 'string') throw new Error(items);
  return items.map((item: LaneItem) => (item.kind === 'publication' ? item.publication.topic : item.kind));
}

describe('a batch writer', () => {
  it('copies what another has written, whatever both do meanwhile', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const items = new ItemWriter(A);
        const first = new BatchWriter(items, A, B);
        const second = new BatchWriter(items, A, C);
        const finished: { readonly message: Uint8Array; readonly node: typeof B; readonly topics: string[] }[] = [];
        let inFirst: string[] = [];
        let inSecond: string[] = [];
        const finish = (writer: BatchWriter, topics: string[]): void => {
          expect(writer.itemCount).toBe(topics.length);
          const length = writer.byteLength;
          const message = writer.finish(1);
          if (topics.length > 0) expect(message).toHaveLength(length);
          finished.push({ message, node: writer === first ? B : C, topics });
        };
        const split = (writer: BatchWriter, topics: string[]): string[] => {
          if (topics.length === 0) return topics;
          finished.push({
            message: writer.finishBeforeLast(1),
            node: writer === first ? B : C,
            topics: topics.slice(0, -1),
          });
          return topics.slice(-1);
        };
        steps.forEach((taken, number) => {
          const topic = `topic.${number}`;
          switch (taken.kind) {
            case 'both':
            case 'first':
            case 'second': {
              const payload = rawPayload('json', 1, Buffer.alloc(taken.size + 1, number));
              const writer = taken.kind === 'second' ? second : first;
              expect(writer.publication('r', publicationOf({ topic, payload }))).toBe(true);
              if (taken.kind === 'both') second.copyLast(first);
              if (taken.kind !== 'second') inFirst.push(topic);
              if (taken.kind !== 'first') inSecond.push(topic);
              return;
            }
            case 'finish first':
              finish(first, inFirst);
              inFirst = [];
              return;
            case 'finish second':
              finish(second, inSecond);
              inSecond = [];
              return;
            case 'split first':
              inFirst = split(first, inFirst);
              return;
            case 'split second':
              inSecond = split(second, inSecond);
              return;
            case 'release':
              first.release();
              second.release();
              return;
            case 'unsayable': {
              const passthru = { form: 'ppt', details: { text: 'x'.repeat(1_000), ppt_scheme: new Map() } } as const;
              expect(first.publication('r', publicationOf({ passthru }))).toBe(false);
            }
          }
        });
        finish(first, inFirst);
        finish(second, inSecond);
        for (const { message, node, topics } of finished) expect(topicsOf(message, node)).toEqual(topics);
      }),
      {
        numRuns: 300,
        // The first batch grows out of its slab, and the next one begins while the second still refers to the slab.
        examples: [
          [
            [
              sized('both', 8_028),
              sized('both', 29_993),
              sized('both', 5_956),
              sized('first', 21_304),
              { kind: 'split first' },
            ],
          ],
          [
            [
              sized('both', 18_238),
              sized('both', 20_766),
              sized('first', 26_208),
              { kind: 'finish first' },
              sized('both', 0),
            ],
          ],
        ],
      },
    );
  });
});
