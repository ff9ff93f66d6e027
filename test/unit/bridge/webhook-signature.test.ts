import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signatureFlaw, type WebhookSignature } from '../../../src/bridge/webhook-signature.js';

const NOW_S = 1_800_000_000;
const time = { nowMs: NOW_S * 1_000, deltaMs: 300_000 };

function flaw(headers: Readonly<Record<string, string>>, body: string, rules: WebhookSignature) {
  return signatureFlaw({ header: (name) => headers[name] ?? '' }, Buffer.from(body), rules, time);
}

const hex = { encoding: 'hex', text: '{body}' } as const;

describe('the signature of a webhook', () => {
  // The first two were checked with another implementation, the third is the example in GitHub's documentation.
  it.each([
    ['sha1', 's3cr3t', '{"a":1}', 'sha1=9649526da846c63fae8f3f64fd170080174a9a78'],
    ['sha256', 's3cr3t', '{"a":1}', 'sha256=d42927434049e0b8c73ce887062238cc1c6bb6644bfe66e66d8dd0f30b85679e'],
    [
      'sha256',
      "It's a Secret to Everybody",
      'Hello, World!',
      'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    ],
  ] as const)('of GitHub by %s is right for the body alone', (algorithm, secret, body, signature) => {
    const rules = { ...hex, header: 'x-hub-signature', algorithm, prefix: `${algorithm}=`, secret };
    const check = (text: string, sent = body): unknown => flaw({ 'x-hub-signature': text }, sent, rules);
    expect(check(signature)).toBeUndefined();
    for (const text of ['', signature.slice(0, -1), `${signature}0`, signature.replace('=', ''), 'sha256=', '='])
      expect(check(text)).toMatchObject({ kind: 'refusal', status: '400' });
    expect(check(signature, `${body} ` as typeof body)).toMatchObject({ status: '400' });
  });

  it('of GitLab is the secret', () => {
    const rules = { ...hex, header: 'x-gitlab-token', algorithm: 'plain', prefix: '', secret: 'a, secret' } as const;
    expect(flaw({ 'x-gitlab-token': 'a, secret' }, 'x', rules)).toBeUndefined();
    for (const token of ['', 'a', 'a, secret ', 'A, secret'])
      expect(flaw({ 'x-gitlab-token': token }, 'x', rules)).toMatchObject({ status: '400' });
  });

  it('of Stripe covers the time, which must be now, and may be one of several', () => {
    const rules = {
      header: 'stripe-signature',
      algorithm: 'sha256',
      encoding: 'hex',
      prefix: 'v1=',
      secret: 'whsec',
      text: '{t}.{body}',
      timestamp: 't',
    } as const;
    const sign = (at: number, body: string, secret = 'whsec'): string =>
      createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
    const check = (value: string, body = '{}'): unknown => flaw({ 'stripe-signature': value }, body, rules);
    expect(check(`t=${NOW_S},v1=${sign(NOW_S, '{}')}`)).toBeUndefined();
    expect(check(`t=${NOW_S},v1=${sign(NOW_S, '{}', 'old')},v1=${sign(NOW_S, '{}')},v0=x`)).toBeUndefined();
    expect(check(`t=${NOW_S + 300},v1=${sign(NOW_S + 300, '{}')}`)).toBeUndefined();
    for (const at of [NOW_S - 301, NOW_S + 301])
      expect(check(`t=${at},v1=${sign(at, '{}')}`)).toMatchObject({
        message: expect.stringContaining('time') as string,
      });
    for (const value of [
      `t=${NOW_S + 1},v1=${sign(NOW_S, '{}')}`,
      `v1=${sign(NOW_S, '{}')}`,
      `t=x,v1=${sign(NOW_S, '{}')}`,
      `t=${NOW_S},v0=${sign(NOW_S, '{}')}`,
    ])
      expect(check(value)).toMatchObject({ status: '400' });
  });
});
