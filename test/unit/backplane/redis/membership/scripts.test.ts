import { describe, expect, it } from 'vitest';
import {
  beginReap,
  countListeners,
  dropRealm,
  endNode,
  enterNode,
  loadNodes,
  noteRealms,
  renewLease,
} from '../../../../../src/backplane/redis/membership/scripts.js';
import { loadScripts } from '../../../../../src/backplane/redis/scripts/loader.js';

const scripts = { enterNode, renewLease, loadNodes, beginReap, countListeners, endNode, noteRealms, dropRealm };
const wrong: Record<keyof typeof scripts, unknown[]> = {
  enterNode: [['entered', -1, 'e'], ['entered', 1], ['entered', 1.5, 'e'], ['in']],
  renewLease: [['renewed', 1, 0, 5], ['renewed', '1', 0], ['renewed', 1], ['lost']],
  loadNodes: [
    [1, Buffer.from('e'), 'rows', []],
    [1, Buffer.from('e'), [1, 2], []],
    [1, 2, [], []],
    [1, 'e', [], []],
    [1, Buffer.from('e'), [], [7]],
  ],
  beginReap: ['', 'lost', ['won']],
  countListeners: ['', [1, '1'], [-1], [0.5]],
  endNode: ['1', -1, [1], 2 ** 53],
  noteRealms: ['', 1, 'won'],
  dropRealm: ['1', -1],
};

describe.each(Object.entries(scripts))('%s', (name, script) => {
  it('has a Lua file', () => {
    expect(loadScripts().has(script.file)).toBe(true);
  });

  it.each([null, undefined, {}, true, ...wrong[name as keyof typeof scripts]])('refuses the reply %j', (reply) => {
    expect(() => script.decode(reply)).toThrow(TypeError);
  });
});
