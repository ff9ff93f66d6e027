import { describe, expect, it } from 'vitest';
import { parseStoreUrl } from '../../../../../src/backplane/redis/connection/store-url.js';

const plain = { path: undefined, database: 0, username: undefined, password: undefined, isTls: false };

describe('the URL of a store', () => {
  it.each([
    ['redis://a', { ...plain, host: 'a', port: 6379 }],
    ['redis://a/', { ...plain, host: 'a', port: 6379 }],
    ['REDIS://a.example:1/15', { ...plain, host: 'a.example', port: 1, database: 15 }],
    ['valkey://[::1]:7', { ...plain, host: '::1', port: 7 }],
    ['rediss://u:p%40%2F%C3%A9@a', { ...plain, host: 'a', port: 6379, username: 'u', password: 'p@/é', isTls: true }],
    ['valkeys://:p@a', { ...plain, host: 'a', port: 6379, password: 'p', isTls: true }],
  ])('%s names where it is', (url, address) => {
    expect(parseStoreUrl(url)).toEqual(address);
  });

  it.each([
    ['unix:/run/redis%20one.sock', '/run/redis one.sock', 0],
    ['unix:///run/redis.sock?db=3', '/run/redis.sock', 3],
  ])('%s is a socket', (url, path, database) => {
    expect(parseStoreUrl(url)).toMatchObject({ path, database, isTls: false });
  });

  it.each([
    'memory',
    'http://a',
    'redis://u:sesame@',
    'redis://u:sesame@a:99999',
    'redis://u:sesame@a/x',
    'unix:/a?db=x',
  ])('%s is none, which is reported without its password', (url) => {
    expect(() => parseStoreUrl(url)).toThrow(/^backplane\.url/);
    expect(() => parseStoreUrl(url)).not.toThrow('sesame');
  });
});
