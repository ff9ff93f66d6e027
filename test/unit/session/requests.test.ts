import { describe, expect, it } from 'vitest';
import { RequestIds } from '../../../src/session/request-ids.js';
import type { RequestId } from '../../../src/wamp/ids.js';
import { ALL_ROLES, createHarness, isAbort } from '../../support/session-harness.js';

const VIOLATION = 'wamp.error.protocol_violation';

/** Each request type with its id. */
const REQUESTS: Record<string, (id: number) => unknown[]> = {
  PUBLISH: (id) => [16, id, {}, 'a.b'],
  SUBSCRIBE: (id) => [32, id, {}, 'a.b'],
  UNSUBSCRIBE: (id) => [34, id, 7],
  CALL: (id) => [48, id, {}, 'a.b'],
  REGISTER: (id) => [64, id, {}, 'a.b'],
  UNREGISTER: (id) => [66, id, 7],
};
/** Mirrors of an id, which take no part in the sequence. */
const MIRRORS = [
  [49, 900, {}],
  [70, 901, {}],
  [8, 68, 902, {}, 'a.b'],
];

describe('request ids, checked strictly (PV-5, ID-4)', () => {
  it('counts all request types with one counter', () => {
    const { connection, realm, join, send } = createHarness();
    join();
    Object.values(REQUESTS).forEach((request, index) => send(request(index + 1)));
    expect(realm.routed.map(({ message }) => message[0])).toEqual([16, 32, 34, 48, 64, 66]);
    expect(connection.closeCause).toBeUndefined();
  });

  it('leaves CANCEL, YIELD and ERROR out of the count', () => {
    const { connection, realm, join, send } = createHarness();
    join();
    send(...MIRRORS, REQUESTS['PUBLISH']!(1), ...MIRRORS, REQUESTS['PUBLISH']!(2));
    expect(realm.routed).toHaveLength(8);
    expect(connection.closeCause).toBeUndefined();
  });

  for (const [name, request] of Object.entries(REQUESTS)) {
    it.each([
      ['a gap', 4],
      ['a start other than 1', 2, true],
    ])(`takes %s on ${name} for a violation that names both ids`, (_what, id, isFirst = false) => {
      const { connection, realm, join, send } = createHarness();
      join();
      if (!isFirst) send(REQUESTS['PUBLISH']!(1), REQUESTS['SUBSCRIBE']!(2));
      const before = realm.routed.length;
      send(request(id));
      expect(isAbort(connection.last, VIOLATION)).toBe(true);
      expect((connection.last?.[1] as { message: string }).message).toMatch(
        new RegExp(`${name}.Request must be ${id - 1}.* is ${id}`),
      );
      expect(realm.routed).toHaveLength(before);
    });
  }

  for (const name of Object.keys(REQUESTS).filter((candidate) => candidate !== 'CALL')) {
    it(`takes a repeated id on ${name} for a violation`, () => {
      const { connection, join, send } = createHarness();
      join();
      send(REQUESTS['CALL']!(1), REQUESTS[name]!(1));
      expect(isAbort(connection.last, VIOLATION)).toBe(true);
    });
  }

  it('leaves a CALL with an id of an earlier call to the dealer, unchecked otherwise (PCI-6)', () => {
    const { connection, realm, join, send } = createHarness({
      authorizer: { authorize: (_action, uri) => ({ allowed: uri === 'a.b', disclose: false }) },
    });
    join();
    send([48, 1, { progress: true }, 'a.b', ['x']], [16, 2, {}, 'a.b'], [48, 1, {}, 'c.d', ['y']], [48, 3, {}, 'a.b']);
    expect(realm.routed.map(({ message }) => message[1])).toEqual([1, 2, 3]);
    expect(realm.continued.map(({ message }) => message.slice(0, 4))).toEqual([
      [48, 1, { timeoutMs: 0, receiveProgress: false, progress: false, discloseMe: false }, 'c.d'],
    ]);
    expect(connection.messages).toHaveLength(1);
  });

  it('takes a CALL with an id of a later request that was no call for a violation (X-32)', () => {
    const { connection, realm, join, send } = createHarness();
    join();
    send([48, 1, {}, 'a.b'], [16, 2, {}, 'a.b'], [48, 2, {}, 'a.b']);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
    expect(realm.continued).toEqual([]);
  });

  it('counts a request that was refused', () => {
    const { connection, realm, join, send } = createHarness();
    join();
    send([16, 1, {}, 'not a uri'], [48, 2, {}, 'not a uri'], [16, 3, {}, 'a.b']);
    expect(realm.routed.map(({ message }) => message[1])).toEqual([3]);
    expect(connection.closeCause).toBeUndefined();
  });

  it('wraps from 2^53 to 1', () => {
    const ids = new RequestIds(2 ** 53 - 1);
    expect(ids.advance('PUBLISH', (2 ** 53) as RequestId)).toBeUndefined();
    expect(ids.advanceCall(1 as RequestId)).toBe('new');
    expect(ids.advance('PUBLISH', 2 as RequestId)).toBeUndefined();
  });
});

describe('request ids, not checked', () => {
  it('takes any order of any ids (2.4)', () => {
    const { connection, realm, join, send } = createHarness({ rules: { requestIdCheck: 'off' } });
    join();
    const ids = [500, 3, 3, 2 ** 53, 1, 77];
    Object.values(REQUESTS).forEach((request, index) => send(request(ids[index]!)));
    expect(realm.routed).toHaveLength(6);
    expect(connection.closeCause).toBeUndefined();
  });

  it('still wants them to be ids (MSG-4)', () => {
    const { connection, join, send } = createHarness({ rules: { requestIdCheck: 'off' } });
    join();
    send([16, 0, {}, 'a.b']);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
  });

  it('answers a refused progressive call once, and what follows of it not at all (PCI-3, PCI-7, DLR-8)', () => {
    const { connection, realm, join, send, counters } = createHarness({
      rules: { requestIdCheck: 'off' },
      authorizer: { authorize: (_action, uri) => ({ allowed: uri !== 'no', disclose: false }) },
    });
    join();
    const chunk = [48, 9, { progress: true }, 'no', [1]];
    send(chunk, chunk, [48, 9, {}, 'no', [1]]);
    expect(connection.messages.slice(1).map((message) => message.slice(0, 5))).toEqual([
      [8, 48, 9, {}, 'wamp.error.not_authorized'],
    ]);
    expect(counters.routing.late_continuation).toBe(2);
    send([48, 9, {}, 'yes']);
    expect(realm.routed).toHaveLength(1);
  });
});

describe('roles that were not announced (2.4)', () => {
  const NEEDED: [needed: string, message: unknown[]][] = [
    ['publisher', [16, 1, {}, 'a.b']],
    ['subscriber', [32, 1, {}, 'a.b']],
    ['subscriber', [34, 1, 7]],
    ['caller', [48, 1, {}, 'a.b']],
    ['caller', [49, 1, {}]],
    ['callee', [64, 1, {}, 'a.b']],
    ['callee', [66, 1, 7]],
    ['callee', [70, 1, {}]],
    ['callee', [8, 68, 1, {}, 'a.b']],
  ];
  const without = (role: string) => Object.fromEntries(Object.entries(ALL_ROLES).filter(([name]) => name !== role));

  it.each(NEEDED)('are a violation when checked strictly: %s for %j', (role, message) => {
    const { connection, realm, join, send } = createHarness();
    join(without(role));
    send(message);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
    expect((connection.last?.[1] as { message: string }).message).toContain(`role ${role}`);
    expect(realm.routed).toEqual([]);
  });

  it.each(NEEDED)('are tolerated otherwise: %s for %j', (role, message) => {
    const { connection, realm, join, send } = createHarness({ rules: { requestIdCheck: 'off' } });
    join(without(role));
    send(message);
    expect(realm.routed).toHaveLength(1);
    expect(connection.closeCause).toBeUndefined();
  });
});

describe('features that were not announced', () => {
  const featureless = { publisher: {}, subscriber: {}, caller: {}, callee: {} };

  it.each(['strict', 'off'] as const)('forbid a progressive call (PCI-3, PV-8), ids %s', (requestIdCheck) => {
    const { connection, realm, join, send } = createHarness({ rules: { requestIdCheck } });
    join(featureless);
    send([48, 1, { progress: true }, 'a.b']);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
    expect((connection.last?.[1] as { message: string }).message).toContain('progressive_call_invocations');
    expect(realm.routed).toEqual([]);
  });

  const PPT: [string, (options: object) => unknown[]][] = [
    ['PUBLISH', (options) => [16, 1, options, 'a.b', ['x']]],
    ['CALL', (options) => [48, 1, options, 'a.b', ['x']]],
    ['YIELD', (options) => [70, 1, options, ['x']]],
  ];

  /** One byte string, as JSON encodes it (SER-3). */
  const SECRET = ['\u0000AQ=='];

  it.each(PPT)('forbid payload passthru on %s (PV-9, PPT-4)', (name, message) => {
    const refused = createHarness();
    refused.join(featureless);
    refused.send([...message({ ppt_scheme: 'wamp' }).slice(0, -1), SECRET]);
    expect(isAbort(refused.connection.last, VIOLATION)).toBe(true);
    expect((refused.connection.last?.[1] as { message: string }).message).toContain(`${name} with ppt_scheme`);

    const empty = createHarness();
    empty.join(featureless);
    empty.send(message({ ppt_scheme: '' }));
    expect(empty.realm.routed).toHaveLength(1);

    const announced = createHarness();
    announced.join();
    const secret = message({ ppt_scheme: 'wamp' });
    announced.send([...secret.slice(0, -1), SECRET]);
    expect(announced.realm.routed).toHaveLength(1);
  });

  it.each(PPT)('do not forbid the enc_* form on %s (PPT-5)', (_name, message) => {
    const { realm, join, send } = createHarness();
    join(featureless);
    send(message({ enc_algo: 'cryptobox' }));
    expect(realm.routed).toHaveLength(1);
  });

  it('count by role: what the publisher announced is nothing to the caller', () => {
    const { connection, join, send } = createHarness();
    join({ ...featureless, publisher: { features: { payload_passthru_mode: true } } });
    send([16, 1, { ppt_scheme: 'wamp' }, 'a.b', SECRET], [48, 2, { ppt_scheme: 'wamp' }, 'a.b', SECRET]);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
    expect((connection.last?.[1] as { message: string }).message).toContain('CALL');
  });
});
