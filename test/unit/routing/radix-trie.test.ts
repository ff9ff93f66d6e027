import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RadixTrie, type TrieNode } from '../../../src/routing/radix-trie.js';

function nodesOf<T extends object>(node: TrieNode<T>): TrieNode<T>[] {
  return [node, ...[...node.children.values()].flatMap(nodesOf)];
}

describe('a radix trie', () => {
  const narrow = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 6 });
  /** Children of one node become a map and a list again. */
  const wide = fc.string({
    unit: fc.integer({ min: 97, max: 130 }).map((code) => String.fromCharCode(code)),
    maxLength: 2,
  });

  it.each([
    ['narrow', narrow, 60],
    ['wide', wide, 200],
  ])(
    'has a node for an entry or a branching and no other, whatever was added and removed before (%s)',
    (_, key, maxLength) => {
      fc.assert(
        fc.property(fc.array(fc.record({ key, removes: fc.option(fc.nat(), { freq: 2 }) }), { maxLength }), (steps) => {
          const trie = new RadixTrie<{ key: string }>();
          const model = new Map<string, { key: string }>();
          for (const step of steps) {
            const removed = step.removes === null ? undefined : [...model.keys()][step.removes % model.size];
            if (removed === undefined) {
              const value = { key: step.key };
              trie.set(step.key, value);
              model.set(step.key, value);
            } else {
              model.delete(removed);
              expect(trie.delete(removed)).toBe(true);
            }
            const nodes = nodesOf(trie.root);
            const needless = nodes.filter(
              (node) => node !== trie.root && node.value === undefined && [...node.children.values()].length < 2,
            );
            expect(needless).toEqual([]);
            expect(nodes.filter((node) => node.value !== undefined)).toHaveLength(model.size);
            expect(trie.size).toBe(model.size);
          }
          for (const [wanted, value] of model) expect(trie.get(wanted)).toBe(value);
        }),
        { numRuns: 200 },
      );
    },
  );

  it('finds its way among more children than fit a small list', () => {
    const trie = new RadixTrie<{ code: number }>();
    const codes = Array.from({ length: 1_000 }, (_, index) => 0x100 + ((index * 7) % 1_000));
    for (const code of codes) trie.set(`x${String.fromCharCode(code)}y`, { code });
    for (const code of codes) expect(trie.get(`x${String.fromCharCode(code)}y`)).toEqual({ code });
    for (const code of codes.slice(1)) expect(trie.delete(`x${String.fromCharCode(code)}y`)).toBe(true);
    expect(nodesOf(trie.root)).toHaveLength(2);
    expect(trie.get('x')).toBeUndefined();
    expect(trie.delete('x')).toBe(false);
    expect(trie.delete('z')).toBe(false);
  });
});
