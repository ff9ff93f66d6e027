import { describe, expect, it } from 'vitest';
import { hindrance, parseServerInfo, unfitness } from '../../../../../src/backplane/redis/connection/server-info.js';

const info = (fields: Record<string, string>): string =>
  ['# Server', ...Object.entries(fields).map(([name, value]) => `${name}:${value}`), ''].join('\r\n');
const usable = { redis_version: '7.0.15', run_id: 'abc', cluster_enabled: '0', role: 'master', loading: '0' };

describe('what a server reports of itself', () => {
  it('is read from the reply of INFO', () => {
    expect(parseServerInfo(info(usable))).toEqual({
      version: '7.0.15',
      runId: 'abc',
      isCluster: false,
      isReplica: false,
      isLoading: false,
      isEvicting: false,
      evictionPolicy: '',
    });
    expect(() => parseServerInfo(['OK'])).toThrow(TypeError);
  });

  it.each(['7.0.0', '7.2.4', '8.0.1', '10.1.0', '255.255.255', ''])('makes version %j usable', (redis_version) => {
    expect(unfitness(parseServerInfo(info({ ...usable, redis_version })))).toBeUndefined();
  });

  it.each(['6.2.14', '5.0.7', '2.8.9'])('makes version %s too old', (redis_version) => {
    expect(unfitness(parseServerInfo(info({ ...usable, redis_version })))).toMatch(`Redis ${redis_version} is too old`);
  });

  it('makes cluster mode unusable, a replica and one that loads unusable for now', () => {
    expect(unfitness(parseServerInfo(info({ ...usable, cluster_enabled: '1' })))).toMatch('cluster mode');
    expect(hindrance(parseServerInfo(info({ ...usable, role: 'slave' })))).toMatch('replica');
    expect(hindrance(parseServerInfo(info({ ...usable, loading: '1' })))).toMatch('loading');
    expect(hindrance(parseServerInfo(info(usable)))).toBeUndefined();
  });

  it.each([
    ['0', 'allkeys-lru', false],
    ['1000', 'noeviction', false],
    ['1000', 'volatile-ttl', true],
    ['1000', 'allkeys-lru', true],
  ])('reports whether keys may vanish: maxmemory %s, %s', (maxmemory, maxmemory_policy, isEvicting) => {
    expect(parseServerInfo(info({ ...usable, maxmemory, maxmemory_policy })).isEvicting).toBe(isEvicting);
  });
});
