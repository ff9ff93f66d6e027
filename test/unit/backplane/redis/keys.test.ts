import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKeys, encodeName, shardOf } from '../../../../src/backplane/redis/keys.js';
import { MAX_ID, type NodeId } from '../../../../src/wamp/ids.js';

const slotOf = createRequire(import.meta.url)('cluster-key-slot') as (key: string) => number;
const node = 'a-6e0f' as NodeId;
const keys = createKeys({ prefix: 'gantry', database: 0 });

describe('names in the store', () => {
  it('are those that operators know', () => {
    expect(keys.nodes.realmsOf(node)).toBe('gantry:{nodes}:realms:a-6e0f');
    expect(Object.values(keys.nodes).filter((key) => typeof key === 'string')).toEqual(
      ['alive', 'leases', 'dying', 'gone', 'meta'].map((name) => `gantry:{nodes}:${name}`),
    );
    const realm = keys.realm('org.votes');
    expect([
      realm.version,
      realm.nodes,
      realm.procedures,
      realm.ids,
      realm.interest(node),
      realm.callees('exact org.votes cast'),
      realm.held(node),
    ]).toEqual(
      ['version', 'nodes', 'procedures', 'ids', 'interest:a-6e0f', 'callees:exact:org.votes%20cast', 'held:a-6e0f'].map(
        (name) => `gantry:{r:org.votes}:${name}`,
      ),
    );
    expect(keys.sessions).toHaveLength(16);
    for (const [shard, of] of keys.sessions.entries())
      expect([of.ids, of.of(node), of.in('a b'), of.roles('a b')]).toEqual(
        ['ids', 'of:a-6e0f', 'in:a%20b', 'roles:a%20b'].map((name) => `gantry:{s:${shard}}:${name}`),
      );
    const { channels } = keys;
    expect([channels.nodes, channels.inbox(node), channels.realm('a b')]).toEqual(
      ['{nodes}:changes', '{n:a-6e0f}:inbox', '{r:a%20b}:changes'].map((name) => `gantry:${name}`),
    );
  });

  it('carry the database in channels, because messages cross databases', () => {
    const { channels, nodes } = createKeys({ prefix: 'p', database: 3 });
    expect([channels.nodes, channels.inbox(node), channels.realm('r')]).toEqual([
      'p@3:{nodes}:changes',
      'p@3:{n:a-6e0f}:inbox',
      'p@3:{r:r}:changes',
    ]);
    expect(nodes.alive).toBe('p:{nodes}:alive');
  });

  it('put all keys of one realm, of the nodes and of the sessions into one cluster slot each', () => {
    for (const uri of ['org.votes', '{', '}', '{}', 'a}b{c', '', ':', ' ', '\ud800', 'é', '*?[x]\\']) {
      const realm = keys.realm(uri);
      const all = [
        realm.version,
        realm.nodes,
        realm.procedures,
        realm.ids,
        realm.interest(node),
        realm.callees(`exact ${uri}`),
        realm.held(node),
      ];
      expect(new Set(all.map((key) => slotOf(key))).size, uri).toBe(1);
      expect(slotOf(realm.version)).toBe(slotOf(`r:${encodeName(uri)}`));
      expect(slotOf(keys.channels.realm(uri)), uri).toBe(slotOf(realm.version));
    }
    expect(slotOf(keys.channels.nodes)).toBe(slotOf(keys.nodes.alive));
    for (const odd of [node, '}{', 'é'] as NodeId[])
      expect(slotOf(keys.channels.inbox(odd)), odd).toBe(slotOf(`n:${encodeName(odd)}`));
    const { alive, leases, dying, gone, meta } = keys.nodes;
    expect(new Set([alive, leases, dying, gone, meta, keys.nodes.realmsOf(node)].map((key) => slotOf(key))).size).toBe(
      1,
    );
    for (const shard of keys.sessions)
      expect(new Set([shard.ids, shard.of(node), shard.in('r'), shard.roles('r')].map((key) => slotOf(key))).size).toBe(
        1,
      );
    expect(new Set(keys.sessions.map(({ ids }) => slotOf(ids))).size).toBe(keys.sessions.length);
    for (const id of [1, 16, 17, MAX_ID]) expect(keys.sessions[shardOf(id)]).toBe(keys.sessions[id % 16]);
  });
});

describe('encodeName', () => {
  it.each([
    ['org.Votes_1-x', 'org.Votes_1-x'],
    ['{a}:b', '%7Ba%7D%3Ab'],
    ['a%20b', 'a%2520b'],
    ["!~*'()", '%21%7E%2A%27%28%29'],
    ['é€😀', '%C3%A9%E2%82%AC%F0%9F%98%80'],
    ['\ud83d', '%uD83D'],
    ['\ude00\ud83d', '%uDE00%uD83D'],
    ['\0\n\u007f', '%00%0A%7F'],
    ['', ''],
  ])('writes %j as %j', (name, encoded) => {
    expect(encodeName(name)).toBe(encoded);
  });

  it('gives different names different texts of harmless characters', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom('%', 'u', 'D', '8', '0', '{'),
        fc.string({ unit: 'binary' }),
        fc.constantFrom('\ud800', '\udc00'),
      ),
    });
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(encodeName(one)).toMatch(/^[A-Za-z0-9._%-]*$/);
        expect(encodeName(one) === encodeName(other)).toBe(one === other);
      }),
    );
  });
});
