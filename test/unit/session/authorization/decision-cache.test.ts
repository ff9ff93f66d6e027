import { describe, expect, it } from 'vitest';
import { DecisionCache } from '../../../../src/session/authorization/decision-cache.js';

const ALLOWED = { allowed: true, disclose: false };
const entry = (untilMs: number, uri = 'a', authid?: string) => ({ decision: ALLOWED, uri, authid, untilMs });

describe('decisions that are kept', () => {
  it('end with their time', () => {
    let nowMs = 0;
    const cache = new DecisionCache(2, () => nowMs);
    cache.put('a', entry(10));
    nowMs = 9;
    expect(cache.get('a')).toBe(ALLOWED);
    nowMs = 10;
    expect(cache.get('a')).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it('make room for new ones, the least recently used first', () => {
    const cache = new DecisionCache(2, () => 0);
    cache.put('a', entry(10));
    cache.put('b', entry(10));
    cache.get('a');
    cache.put('c', entry(10));
    expect(['a', 'b', 'c'].map((key) => cache.get(key) !== undefined)).toEqual([true, false, true]);
    cache.put('c', entry(10));
    expect(cache.size).toBe(2);
  });

  it('are flushed by authid and URI: only those that have both', () => {
    const full = () => {
      const cache = new DecisionCache(10, () => 0);
      cache.put('1', entry(10, 'a', 'joe'));
      cache.put('2', entry(10, 'a', 'ann'));
      cache.put('3', entry(10, 'b', 'joe'));
      cache.put('4', entry(10, 'a'));
      return cache;
    };
    expect(full().flush({})).toBe(4);
    expect(full().flush({ uri: 'a' })).toBe(3);
    expect(full().flush({ authid: 'joe' })).toBe(2);
    const cache = full();
    expect(cache.flush({ authid: 'joe', uri: 'a' })).toBe(1);
    expect(['1', '2', '3', '4'].map((key) => cache.get(key) !== undefined)).toEqual([false, true, true, true]);
  });
});
