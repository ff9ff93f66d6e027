import { describe, expect, it } from 'vitest';
import { InterestMirror } from '../../../src/backplane/interest-mirror.js';
import type { MatchPolicy } from '../../../src/wamp/options.js';
import fc from 'fast-check';

describe('interest of other nodes', () => {
  it('answers nobody where nobody wants anything', () => {
    expect(new InterestMirror<string>().nodesFor('a.b')).toEqual([]);
  });

  it('finds exact, prefix and wildcard interest (PBS-1)', () => {
    const mirror = new InterestMirror<string>();
    mirror.add('exact', 'a.b', 'exact');
    mirror.add('prefix', 'a.', 'prefix');
    mirror.add('wildcard', '.b', 'wildcard');
    expect([...mirror.nodesFor('a.b')].sort()).toEqual(['exact', 'prefix', 'wildcard']);
    expect([...mirror.nodesFor('a.c')]).toEqual(['prefix']);
    expect([...mirror.nodesFor('z.b')]).toEqual(['wildcard']);
    expect([...mirror.nodesFor('a')]).toEqual([]);
  });

  it('visits a node once although several of its entries match', () => {
    const mirror = new InterestMirror<string>();
    mirror.add('n', 'a.b', 'exact');
    mirror.add('n', 'a', 'prefix');
    mirror.add('n', 'a.', 'prefix');
    mirror.add('n', 'a.', 'wildcard');
    expect(mirror.nodesFor('a.b')).toEqual(['n']);
    expect(mirror.nodesFor('a.b')).toEqual(['n']);
  });

  it('keeps the same string under different policies apart (PBS-4)', () => {
    const mirror = new InterestMirror<string>();
    mirror.add('n', 'a.b', 'exact');
    mirror.add('n', 'a.b', 'prefix');
    mirror.remove('n', 'a.b', 'prefix');
    expect(mirror.nodesFor('a.b')).toEqual(['n']);
    expect(mirror.nodesFor('a.bc')).toEqual([]);
  });

  it('needs one removal however often an interest was added', () => {
    const mirror = new InterestMirror<string>();
    mirror.add('n', 'a', 'exact');
    mirror.add('n', 'a', 'exact');
    mirror.remove('n', 'a', 'exact');
    expect(mirror.nodesFor('a')).toEqual([]);
    expect(mirror.size).toBe(0);
    expect([...mirror.nodes]).toEqual([]);
  });

  it('answers as a plain list of interests would, whatever came and went', () => {
    const node = fc.constantFrom('n1', 'n2', 'n3');
    const topic = fc.constantFrom('', 'a', 'a.', 'a.b', '.b', 'a..c', 'a.b.c', '..');
    const match = fc.constantFrom<MatchPolicy>('exact', 'prefix', 'wildcard');
    const step = fc.tuple(fc.constantFrom('add', 'add', 'remove', 'drop'), node, topic, match);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const mirror = new InterestMirror<string>();
        const model = new Map<string, readonly [node: string, topic: string, match: MatchPolicy]>();
        for (const [what, who, uri, policy] of steps) {
          const key = `${who} ${policy} ${uri}`;
          if (what === 'add') {
            mirror.add(who, uri, policy);
            model.set(key, [who, uri, policy]);
          } else if (what === 'remove') {
            mirror.remove(who, uri, policy);
            model.delete(key);
          } else {
            mirror.dropNode(who);
            for (const [entry, [owner]] of [...model]) if (owner === who) model.delete(entry);
          }
          for (const published of ['a', 'a.b', 'z.b', 'a.b.c', 'a.x.c']) {
            const wanted = [...model.values()].filter(([, uri, policy]) => matches(published, uri, policy));
            expect([...mirror.nodesFor(published)].sort()).toEqual([...new Set(wanted.map(([owner]) => owner))].sort());
          }
        }
      }),
    );
  });
});

function matches(topic: string, pattern: string, match: MatchPolicy): boolean {
  if (match === 'exact') return topic === pattern;
  if (match === 'prefix') return topic.startsWith(pattern);
  const components = topic.split('.');
  const wanted = pattern.split('.');
  return (
    components.length === wanted.length && wanted.every((part, index) => part === '' || part === components[index])
  );
}
