import { describe, expect, it } from 'vitest';
import { redact, secretsOf } from '../../../../../src/backplane/redis/connection/client-options.js';
import {
  isStoreRefusal,
  needsReconnect,
  remedyFor,
  StoreReplyError,
} from '../../../../../src/backplane/redis/connection/store-errors.js';

describe('an error of the store', () => {
  it.each([
    ['WRONGPASS invalid username-password pair or user is disabled.', /check backplane\.redis\.username/],
    ['ERR invalid password', /check backplane\.redis\.username/],
    ['NOAUTH Authentication required.', /set backplane\.redis\.password/],
    ["NOPERM this user has no permissions to run the 'info' command", /denies a right .*'info' command/],
    ['MOVED 1234 10.0.0.1:6379', /cluster mode/],
    ['CROSSSLOT Keys in request do not hash to the same slot', /cluster mode/],
    ['ERR SELECT is not allowed in cluster mode', /cluster mode/],
    ['ERR DB index is out of range', /no such database/],
    ["ERR unknown command 'HELLO'", /too old/],
    ['NOPROTO unsupported protocol version', /too old/],
    ["OOM command not allowed when used memory > 'maxmemory'.", /maxmemory/],
    ['MISCONF Redis is configured to save RDB snapshots', /cannot save/],
  ])('%s reports what to mend', (message, remedy) => {
    expect(remedyFor({ message })).toMatch(remedy);
  });

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /caFile/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /caFile/],
    ['CERT_HAS_EXPIRED', /has expired.*renew it/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /serverName/],
    ['ERR_OSSL_PEM_NO_START_LINE', /files of backplane\.redis\.tls/],
  ])('of TLS with code %s reports what to mend', (code, remedy) => {
    expect(remedyFor({ message: 'any text', code })).toMatch(remedy);
  });

  it.each([
    'connect ECONNREFUSED 127.0.0.1:1',
    'LOADING Redis is loading',
    'getaddrinfo ENOTFOUND a',
    'getaddrinfo ENOTFOUND PEM.self-signed certificate.example',
    'ERR syntax error',
  ])('%s may pass', (message) => {
    expect(remedyFor({ message })).toBeUndefined();
  });

  it('has a code, which names its kind', () => {
    expect(new StoreReplyError('NOSCRIPT No matching script.').code).toBe('NOSCRIPT');
    expect(new StoreReplyError('something else').code).toBe('ERR');
    const kinds = ['READONLY no', 'OOM no', 'ERR no'].map((message) => {
      const error = new StoreReplyError(message);
      return [isStoreRefusal(error), needsReconnect(error)];
    });
    expect(kinds).toEqual([
      [true, true],
      [true, false],
      [false, false],
    ]);
  });
});

it('no secret of the access is left in what is shown', () => {
  const sentinels = { master: 'm', nodes: ['a:1'], password: 'rye', tls: false };
  const times = { connectTimeoutMs: 1, commandTimeoutMs: 1 };
  const secrets = secretsOf({ url: 'redis://u:se%40same@a', password: 'barley', sentinels, ...times });
  expect(redact('AUTH barley, se@same, rye; barley', secrets)).toBe('AUTH ********, ********, ********; ********');
  expect(secretsOf({ url: 'redis://a', ...times })).toEqual([]);
});
