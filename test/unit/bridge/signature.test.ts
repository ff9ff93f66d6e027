import { describe, expect, it } from 'vitest';
import { isRefusal } from '../../../src/bridge/refusal.js';
import { checkSignature } from '../../../src/bridge/signature.js';
import { signedQuery } from '../../support/signed-request.js';

const DELTA_MS = 300_000;
const keys = [
  { key: 'foobar', secret: 'kkjH68GiuUZ' },
  { key: 'other', secret: 'another secret' },
];

/** Signatures that other implementations have made. */
const VECTORS = [
  {
    secret: 'kkjH68GiuUZ',
    timestamp: '2026-11-30T17:00:00.000Z',
    seq: '1',
    nonce: '1234567890',
    body: '{"topic":"com.example.topic1","args":["hi",2],"kwargs":{}}',
    signature: 'PmT75863SXK88l4b0To1qzyzLvpJTISbc_pCsiDFyH0=',
  },
  {
    secret: 'secret',
    timestamp: '2020-02-13T18:42:16.000Z',
    seq: '20',
    nonce: '394559421',
    body: '{"procedure":"cleanapp.pwa3.840D8EA3CDC1.do","args":[3,"840D8EA3CDC1","5837","23","207",1]}',
    signature: '1KRW14PK6n9q4tzG75o9f0IZ269Pi9cS2klzEw9a2VQ=',
  },
] as const;

describe('the signature of a request', () => {
  it.each(VECTORS)(
    'is right for $seq, with and without padding',
    ({ secret, timestamp, seq, nonce, body, signature }) => {
      for (const text of [signature, signature.replace('=', '')]) {
        const query = new URLSearchParams({ key: 'foobar', timestamp, seq, nonce, signature: text }).toString();
        const nowMs = Date.parse(timestamp) + 1_000;
        const checked = checkSignature(query, Buffer.from(body), [{ key: 'foobar', secret }], {
          nowMs,
          deltaMs: DELTA_MS,
        });
        expect(checked).toMatchObject({ key: { key: 'foobar' } });
      }
    },
  );

  const timestamp = '2026-12-01T12:00:00Z';
  const nowMs = Date.parse(timestamp);
  const body = '{"topic":"com.example.topic"}';
  const query = signedQuery(body, { ...keys[0]!, timestamp, seq: '12', nonce: '345' });
  const check = (text: string, sent = body, atMs = nowMs) =>
    checkSignature(text, Buffer.from(sent), keys, { nowMs: atMs, deltaMs: DELTA_MS });
  const change = (changes: Readonly<Record<string, string | undefined>>): string => {
    const parameters = new URLSearchParams(query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) parameters.delete(name);
      else parameters.set(name, value);
    }
    return parameters.toString();
  };

  it.each(['key', 'timestamp', 'seq', 'nonce', 'signature'])('needs the parameter %s, once', (name) => {
    expect(check(change({ [name]: undefined }))).toMatchObject({
      status: '400',
      message: expect.stringContaining(name),
    });
    const twice = `${query}&${name}=${new URLSearchParams(query).get(name)!}`;
    expect(check(twice)).toMatchObject({ status: '400', message: expect.stringContaining('more than once') });
  });

  it.each([
    [{ key: 'nobody' }, '401'],
    [{ key: 'other' }, '401'],
    [{ seq: '13' }, '401'],
    [{ nonce: '346' }, '401'],
    [{ timestamp: '2026-12-01T12:00:01Z' }, '401'],
    [{ signature: '' }, '401'],
    [{ signature: 'A'.repeat(43) }, '401'],
    [{ signature: 'A'.repeat(86) }, '401'],
    [{ signature: 'é'.repeat(43) }, '401'],
    [{ seq: '-1' }, '400'],
    [{ seq: '1.5' }, '400'],
    [{ nonce: '' }, '400'],
    [{ nonce: '9'.repeat(21) }, '400'],
    [{ timestamp: 'now' }, '400'],
    [{ timestamp: '2026-12-01 12:00:00' }, '400'],
    [{ timestamp: '2026-13-01T12:00:00Z' }, '400'],
    [{ timestamp: '2026-12-01T12:00:00+00:00' }, '400'],
    [{ key: 'x'.repeat(300) }, '400'],
  ])('refuses %j with %s', (changes, status) => {
    expect(check(change(changes))).toMatchObject({ kind: 'refusal', status });
  });

  it('covers the body', () => {
    expect(check(query, `${body} `)).toMatchObject({ status: '401' });
    expect(check(query, '')).toMatchObject({ status: '401' });
  });

  it('is valid for a time before and after its timestamp', () => {
    for (const [offsetMs, isValid] of [
      [DELTA_MS, true],
      [-DELTA_MS, true],
      [DELTA_MS + 1, false],
      [-DELTA_MS - 1, false],
    ] as const) {
      expect(isRefusal(check(query, body, nowMs + offsetMs))).toBe(!isValid);
    }
  });

  it('has a digest that moved digits do not change: the parameters are signed without separators', () => {
    const moved = check(change({ seq: '1', nonce: '2345' }));
    const original = check(query);
    if (isRefusal(moved) || isRefusal(original)) throw new Error('refused');
    expect(moved.digest.equals(original.digest)).toBe(true);
  });

  it('refuses whatever else is there without an exception', () => {
    for (let seed = 0; seed < 2_000; seed++) {
      const noise = Array.from(query, (char, index) =>
        (index * 31 + seed) % 97 === 0 ? String.fromCharCode(seed % 128) : char,
      );
      const checked = check(noise.join(''), body.slice(seed % 20));
      if (!isRefusal(checked)) expect(noise.join('')).toContain(new URLSearchParams(query).get('nonce')!);
    }
  });
});
