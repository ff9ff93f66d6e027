import { describe, expect, it } from 'vitest';
import { backplane } from '../../../src/config/schema/backplane-schema.js';
import { backplaneFits } from '../../../src/config/checks/backplane-checks.js';

const cluster = { nodes: ['a:1', '[::1]:2'] };

function faultsOf(url: string, redis: object): string[] {
  const faults: string[] = [];
  backplaneFits(backplane.parse({ url, redis }), 1_024, (path, message) =>
    faults.push(`${path.join('.')}: ${message}`),
  );
  return faults;
}

describe('backplane.redis.cluster', () => {
  it.each(['redis://a', 'rediss://a:1/0', 'valkey://u:p@a'])('fits %s', (url) => {
    expect(faultsOf(url, { cluster })).toEqual([]);
  });

  it.each([
    ['memory', {}, 'A Redis Cluster is reached by TCP'],
    ['unix:/s', {}, 'A Redis Cluster is reached by TCP'],
    ['redis://a/3', {}, 'A Redis Cluster has only database 0'],
    ['redis://a', { sentinels: { master: 'm', nodes: ['a:1'] } }, 'A Redis Cluster has no Sentinels'],
  ])('does not fit %s with %j', (url, more, fault) => {
    expect(faultsOf(url, { cluster, ...more })).toEqual([expect.stringContaining(`backplane.redis.cluster: ${fault}`)]);
  });

  it('names servers with their ports', () => {
    expect(backplane.safeParse({ url: 'redis://a', redis: { cluster: { nodes: ['a'] } } }).success).toBe(false);
  });
});
