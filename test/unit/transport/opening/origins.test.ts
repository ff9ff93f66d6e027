import { describe, expect, it } from 'vitest';
import { originMatcher } from '../../../../src/transport/opening/origins.js';
import { expectQuick } from '../../../support/quick.js';

describe('allowed origins', () => {
  it.each([
    [['*'], 'https://anything.test', true],
    [['*'], 'null', true],
    [['https://app.example.com'], 'https://app.example.com', true],
    [['https://app.example.com'], 'https://APP.example.com', true],
    [['https://app.example.com'], 'https://appxexample.com', false],
    [['https://app.example.com'], 'http://app.example.com', false],
    [['https://app.example.com'], 'https://app.example.com:8443', false],
    [['https://app.example.com'], 'https://app.example.com.evil.test', false],
    [['https://app.example.com'], 'null', false],
    [['null'], 'null', true],
    [['https://*.example.com'], 'https://a.example.com', true],
    [['https://*.example.com'], 'https://a.b.example.com', true],
    [['https://*.example.com'], 'https://example.com', false],
    [['https://*.example.com'], 'https://evil.test/.example.com', false],
    [['https://*.example.com'], 'https://evil.test:1.example.com', false],
    [['https://*.example.com'], 'https://evil@a.example.com', false],
    [['https://*.example.com'], 'https://a.example.com.evil.test', false],
    [['https://*.example.com'], 'https://.example.com', false],
    [['http://localhost:*'], 'http://localhost:5173', true],
    [['http://localhost:*'], 'http://localhost', false],
    [['http://localhost:*'], 'http://localhost:80.evil.test', false],
    [['https://a.test', 'https://*.b.test:8443'], 'https://x.b.test:8443', true],
    [['https://a.test', 'https://*.b.test:8443'], 'https://a.test', true],
    [[], 'https://a.test', false],
    [[], '', true],
  ])('of %j admit %j: %s', (rules, origin, isAllowed) => {
    expect(originMatcher(rules)(origin)).toBe(isAllowed);
  });

  it('takes linear time for a long hostile origin', () => {
    const matches = originMatcher(['https://*.example.com']);
    const origin = `https://${'a'.repeat(2_000)}${'.a-'.repeat(500)}!`;
    expectQuick(1_000, () => expect(matches(origin)).toBe(false));
  });
});
