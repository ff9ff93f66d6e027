import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAnswer } from '../../../../src/session/authorization/answer.js';

const read = (value: unknown) => readAnswer([value], {});

describe('an answer of an authorizer', () => {
  it.each([
    [true, { allowed: true, disclose: false }],
    [false, { allowed: false, disclose: false }],
    [{ allow: true }, { allowed: true, disclose: false }],
    [
      { allow: true, disclose: true, cache: false, validate: null },
      { allowed: true, disclose: true },
    ],
    [
      { allow: false, disclose: true },
      { allowed: false, disclose: false },
    ],
  ])('%j decides on this request', (value, decision) => {
    expect(read(value)).toEqual({ decision, scope: undefined, ttlMs: undefined, hasValidate: false });
  });

  it('may be for later requests, of the session or of its role', () => {
    expect(read({ allow: true, cache: true })).toMatchObject({ scope: 'session', ttlMs: undefined });
    expect(read({ allow: false, cache: 'role', ttlMs: 5 })).toMatchObject({ scope: 'role', ttlMs: 5 });
  });

  it('may have a trust level, which counts where the request is allowed (rules 6.6, 7.4)', () => {
    expect(read({ allow: true, trustLevel: 0 })).toMatchObject({ decision: { allowed: true, trustLevel: 0 } });
    const denied = read({ allow: false, trustLevel: 3 });
    expect(denied).toMatchObject({ decision: { allowed: false } });
    expect(denied).not.toHaveProperty('decision.trustLevel');
  });

  it('may have "validate", which is ignored and reported', () => {
    expect(read({ allow: true, validate: { args: 'x' } })).toMatchObject({ hasValidate: true });
  });

  it.each([
    [undefined, 'neither'],
    [null, 'neither'],
    [1, 'neither'],
    ['true', 'neither'],
    [[true], 'neither'],
    [{}, '"allow"'],
    [{ allow: 1 }, '"allow"'],
    [{ allow: 'true' }, '"allow"'],
    [{ allow: null }, '"allow"'],
    [{ allow: true, disclose: 'yes' }, '"disclose"'],
    [{ allow: true, cache: 'session' }, '"cache"'],
    [{ allow: true, cache: 1 }, '"cache"'],
    [{ allow: true, ttlMs: 0 }, '"ttlMs"'],
    [{ allow: true, ttlMs: 1.5 }, '"ttlMs"'],
    [{ allow: true, ttlMs: '5' }, '"ttlMs"'],
    [{ allow: true, trustLevel: -1 }, '"trustLevel"'],
    [{ allow: true, trustLevel: 0.5 }, '"trustLevel"'],
    [{ allow: true, trustLevel: 'high' }, '"trustLevel"'],
    [{ allow: true, allowed: false }, 'not known'],
    [JSON.parse('{"allow":true,"__proto__":{"allow":true}}'), 'not known'],
    [Object.create({ allow: true }), ''],
  ])('%j is none', (value, flaw) => {
    expect(read(value)).toContain(flaw);
  });

  it('is one positional value', () => {
    expect(readAnswer([], {})).toBeTypeOf('string');
    expect(readAnswer([], { allow: true })).toBeTypeOf('string');
    expect(readAnswer([true, true], {})).toBeTypeOf('string');
    expect(readAnswer([true], { allow: true })).toBeTypeOf('string');
  });

  it('allows only where it has true, whatever it is', () => {
    const value = fc.oneof(
      fc.anything(),
      fc.record({ allow: fc.anything(), cache: fc.anything(), disclose: fc.anything() }, { requiredKeys: [] }),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 2 }), fc.dictionary(fc.string(), fc.anything()), (args, kwargs) => {
        const answer = readAnswer(args, kwargs);
        if (typeof answer === 'string' || !answer.decision.allowed) return;
        const [only] = args;
        expect(only === true || (only as { allow?: unknown }).allow === true).toBe(true);
      }),
    );
  });
});
