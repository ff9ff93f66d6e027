import { describe, expect, it } from 'vitest';
import type { HelloDetails } from '../../../src/wamp/messages.js';
import { parseHelloDetails } from '../../../src/wamp/parse-hello.js';

const parse = (details: unknown) => parseHelloDetails(details) as HelloDetails;

describe('HELLO.Details', () => {
  it.each([
    [{}, 'roles'],
    [{ roles: null }, 'roles'],
    [{ roles: {} }, 'at least one'],
    [{ roles: [] }, 'roles'],
    [{ roles: 'caller' }, 'roles'],
    [{ roles: { broker: {}, dealer: {} } }, 'at least one'],
    [{ roles: { caller: null } }, 'at least one'],
    [{ roles: { caller: true } }, 'roles.caller must be a dict'],
    [{ roles: { caller: { features: [] } } }, 'roles.caller.features must be a dict'],
    [JSON.parse('{"roles": {"__proto__": {"caller": {}}}}'), 'at least one'],
    [JSON.parse('{"__proto__": {"roles": {"caller": {}}}}'), 'roles'],
  ])('is a violation without usable roles: %j (SES-3)', (details, text) => {
    const fault = parseHelloDetails(details);
    expect(fault).toMatchObject({ error: 'wamp.error.protocol_violation' });
    expect((fault as { message: string }).message).toContain(text);
  });

  it.each([
    ['authid', '\0joe'],
    ['authid', 'joe\ud800'],
    ['authrole', '\0'],
    ['authrole', '\udfff'],
  ])('is a violation with %s %j, which other serializers cannot express (SER-3, URI-4)', (key, value) => {
    const fault = parseHelloDetails({ roles: { caller: {} }, [key]: value });
    expect(fault).toMatchObject({ error: 'wamp.error.protocol_violation' });
    expect((fault as { message: string }).message).toContain(`HELLO.Details.${key} must be a string of well-formed`);
  });

  it('ignores unknown roles and features (SES-4)', () => {
    const { features } = parse({ roles: { caller: { features: { flying: true } }, pilot: 7 } });
    expect(features).toEqual({ caller: new Set() });
  });

  it('counts a feature only when it is true (ADV-1)', () => {
    const { features } = parse({
      roles: { callee: { features: { call_canceling: true, call_timeout: 1, call_reroute: 'true' } }, caller: {} },
    });
    expect(features).toEqual({ callee: new Set(['call_canceling']), caller: new Set() });
  });

  it('reads both spellings of canceling (X-2)', () => {
    expect(parse({ roles: { callee: { features: { call_cancelling: true } } } }).features.callee).toEqual(
      new Set(['call_canceling']),
    );
  });

  it('keeps the features of each role apart', () => {
    const { features } = parse({
      roles: {
        publisher: { features: { payload_passthru_mode: true } },
        callee: { features: { payload_passthru_mode: false, progressive_call_results: true } },
      },
    });
    expect(features).toEqual({
      publisher: new Set(['payload_passthru_mode']),
      callee: new Set(['progressive_call_results']),
    });
  });

  it('shares one set among sessions that announce the same', () => {
    const details = { roles: { caller: { features: { call_timeout: true } } } };
    expect(parse(details).features.caller).toBe(parse(details).features.caller);
  });

  it('reads what the client claims of itself, null being nothing (MSG-7)', () => {
    const roles = { caller: {} };
    expect(
      parse({ roles, agent: 'a', authmethods: ['ticket'], authid: 'me', authrole: 'r', authextra: { x: 1 } }),
    ).toMatchObject({ agent: 'a', authmethods: ['ticket'], authid: 'me', authrole: 'r', authextra: { x: 1 } });
    expect(parse({ roles, agent: null, authmethods: null, authid: null, authextra: null })).toEqual({
      features: { caller: new Set() },
      authmethods: [],
    });
  });

  it.each(['agent', 'authmethods', 'authid', 'authrole', 'authextra'])('checks the type of %s (MSG-6)', (key) => {
    for (const value of [1, true, [1]]) {
      const fault = parseHelloDetails({ roles: { caller: {} }, [key]: value });
      expect((fault as unknown as { message: string }).message).toContain(`HELLO.Details.${key} must be`);
    }
  });
});
