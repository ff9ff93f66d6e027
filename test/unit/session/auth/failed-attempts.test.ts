import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../src/backplane/backplane.js';
import type { EntryName } from '../../../../src/backplane/expiring-store.js';
import { MemoryExpiringStore, SharedExpiringState } from '../../../../src/backplane/memory/expiring-store.js';
import { sharedStepUnless } from '../../../../src/backplane/memory/shared-step.js';
import { boundedMethod } from '../../../../src/session/auth/bounded-method.js';
import { DENIED, granted, unusable } from '../../../../src/session/auth/credentials.js';
import {
  FailedAttempts,
  type Attempt,
  type FailedAttemptsLimits,
} from '../../../../src/session/auth/failed-attempts.js';
import type { AuthMethod, AuthStep } from '../../../../src/session/auth/method.js';
import { createCounters } from '../../../../src/telemetry/counters.js';
import { NO_AUTHENTICATORS } from '../../../support/session-harness.js';
import { TRANSPORT } from './methods.js';

const REALM = 'r';
const HOME: Attempt = { realm: REALM, authid: 'peter', address: 'home' };
const LIMITS: FailedAttemptsLimits = {
  maxFailedAuthenticationsPerAuthid: 3,
  maxFailedAuthenticationsPerAddress: 5,
  failedAuthenticationWindowMs: 1_000,
};

/** Nodes that share a store, and a clock. */
class Scene {
  nowMs = 0;
  isAway = false;
  readonly state = new SharedExpiringState(() => this.nowMs);
  readonly store = new MemoryExpiringStore(
    this.state,
    sharedStepUnless(() => (this.isAway ? new BackplaneUnavailableError('expiring state') : undefined)),
  );

  node(limits: Partial<FailedAttemptsLimits> = {}): FailedAttempts {
    return new FailedAttempts({ store: this.store, limits: { ...LIMITS, ...limits }, nowMs: () => this.nowMs });
  }
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function fail(node: FailedAttempts, attempt: Attempt, count: number): Promise<void> {
  for (let i = 0; i < count; i++) node.failed(attempt);
  await settled();
}

describe('failed attempts', () => {
  it('are refused by name beyond the bound of an authid at an address, known or not', async () => {
    const node = new Scene().node();
    await fail(node, HOME, 2);
    expect(node.refusal(HOME)).toBeUndefined();
    node.failed(HOME);
    expect(node.refusal(HOME)).toMatchObject({
      error: 'wamp.error.limit_exceeded',
      message: expect.stringContaining('limits.maxFailedAuthenticationsPerAuthid') as string,
    });
    await fail(node, { ...HOME, authid: 'nobody' }, 3);
    expect(node.refusal({ ...HOME, authid: 'nobody' })).toEqual(node.refusal(HOME));
  });

  it('lock out neither the authid elsewhere, nor others at the address, nor another realm', async () => {
    const node = new Scene().node({ maxFailedAuthenticationsPerAddress: 0 });
    await fail(node, HOME, 100);
    for (const other of [{ address: 'work' }, { authid: 'mary' }, { realm: 'other' }, { authid: undefined }])
      expect(node.refusal({ ...HOME, ...other })).toBeUndefined();
  });

  it('from many addresses slow the authid down, and lock out no address', async () => {
    const node = new Scene().node();
    for (let i = 0; i < 29; i++) await fail(node, { ...HOME, address: `bot ${i}` }, 1);
    expect(node.delayMs(HOME)).toBe(0);
    await fail(node, { ...HOME, address: 'bot 29' }, 1);
    expect(node.delayMs(HOME)).toBe(1_000);
    expect(node.refusal(HOME)).toBeUndefined();
    expect(node.delayMs({ ...HOME, authid: 'mary' })).toBe(0);
  });

  it('with ever other authids are bounded by the address, in all realms of a node', async () => {
    const node = new Scene().node();
    for (let i = 0; i < 5; i++) await fail(node, { realm: `r${i}`, authid: `a${i}`, address: 'home' }, 1);
    expect(node.refusal({ ...HOME, authid: 'mary' })).toMatchObject({
      message: expect.stringContaining('limits.maxFailedAuthenticationsPerAddress') as string,
    });
    expect(node.refusal({ ...HOME, authid: undefined })).toBeDefined();
    expect(node.refusal({ ...HOME, address: 'work' })).toBeUndefined();
  });

  it('count on all nodes together: each node lets one more pass at most before it knows', async () => {
    const scene = new Scene();
    const [one, two] = [scene.node(), scene.node()];
    await fail(one, HOME, 3);
    expect(two.refusal(HOME)).toBeUndefined();
    await fail(two, HOME, 1);
    expect(two.refusal(HOME)).toBeDefined();
  });

  it('are counted by each node alone while the store is away', async () => {
    const scene = new Scene();
    const [one, two] = [scene.node(), scene.node()];
    scene.isAway = true;
    await fail(one, HOME, 3);
    expect(one.refusal(HOME)).toBeDefined();
    expect(two.refusal(HOME)).toBeUndefined();
    one.succeeded(HOME);
    await settled();
  });

  it('are forgotten a window after the first, also when attempts go on', async () => {
    const scene = new Scene();
    const node = scene.node();
    await fail(node, HOME, 3);
    scene.nowMs = 999;
    await fail(node, HOME, 1);
    expect(node.refusal(HOME)).toBeDefined();
    scene.nowMs = 1_000;
    expect(node.refusal(HOME)).toBeUndefined();
  });

  it('are forgotten everywhere when an attempt from the same address is right', async () => {
    const scene = new Scene();
    const node = scene.node();
    await fail(node, HOME, 2);
    node.succeeded(HOME);
    await settled();
    await fail(node, HOME, 1);
    expect(node.refusal(HOME)).toBeUndefined();
    expect(scene.state.size).toBe(3);
  });

  it('are remembered for a bounded number of authids, each in few bytes', async () => {
    const added: EntryName[] = [];
    let pendingCount = 0;
    const node = new FailedAttempts({
      store: {
        add: (_realm, names) => {
          added.push(...names);
          pendingCount++;
          return new Promise(() => undefined);
        },
        delete: () => Promise.resolve(),
      },
      limits: LIMITS,
      nowMs: () => 0,
    });
    for (let i = 0; i < 2_000; i++) node.failed({ ...HOME, authid: `${i}` });
    expect(pendingCount).toBe(1_024);
    for (let i = 0; i < 70_000; i++) node.failed({ ...HOME, authid: `x${i}` });
    expect(node.refusal({ ...HOME, address: 'elsewhere', authid: '0' })).toBeUndefined();
    await settled();
  });

  it('have no bound where it is 0', async () => {
    const scene = new Scene();
    const node = scene.node({ maxFailedAuthenticationsPerAuthid: 0, maxFailedAuthenticationsPerAddress: 0 });
    await fail(node, HOME, 1_000);
    expect([node.refusal(HOME), node.delayMs(HOME), scene.state.size]).toEqual([undefined, 0, 0]);
  });
});

describe('a method with a bound', () => {
  let workCount = 0;
  const step: { next: () => AuthStep | Promise<AuthStep> } = { next: () => DENIED };
  const method: AuthMethod = {
    name: 'ticket',
    begin: () => {
      workCount++;
      return { kind: 'challenge', extra: {}, answer: () => step.next() };
    },
  };
  const bounded = () => {
    workCount = 0;
    const counters = createCounters();
    const timers: (() => void)[] = [];
    const options = {
      attempts: new Scene().node(),
      counters,
      after: (_delayMs: number, action: () => void) => {
        timers.push(action);
        return () => undefined;
      },
      addressKeyOf: (address: string) => address,
    };
    const begin = (remoteAddress = 'home', of: AuthMethod = method): AuthStep | Promise<AuthStep> =>
      boundedMethod(of, options).begin({
        realm: REALM,
        details: { features: {}, authmethods: ['ticket'], authid: 'peter' },
        remoteAddress,
        transport: TRANSPORT,
        session: () => {
          throw new Error('not needed');
        },
        authenticators: NO_AUTHENTICATORS,
        signal: new AbortController().signal,
      });
    return { begin, counters, timers };
  };
  const answer = async (begun: AuthStep | Promise<AuthStep>): Promise<AuthStep> => {
    const challenge = await begun;
    if (challenge.kind !== 'challenge') return challenge;
    return challenge.answer('secret', {});
  };

  it('does no work for an attempt beyond it, also when the challenge came before', async () => {
    const { begin, counters } = bounded();
    step.next = () => DENIED;
    const early = begin();
    for (let i = 0; i < 3; i++) expect(await answer(begin())).toBe(DENIED);
    step.next = () => {
      throw new Error('the credential was looked at');
    };
    for (const late of [early, begin()])
      expect(await answer(late)).toMatchObject({ kind: 'refused', fault: { error: 'wamp.error.limit_exceeded' } });
    expect(workCount).toBe(4);
    expect(counters.authenticationFailures).toMatchObject({ 'ticket,denied': 3, 'ticket,throttled': 2 });
    expect(counters.limitsReached.failed_authentications).toBe(2);
  });

  it('decides no more attempts at the same time than may still fail, and drops nobody who waits', async () => {
    const { begin } = bounded();
    const open: ((step: AuthStep) => void)[] = [];
    step.next = () => new Promise((resolve) => void open.push(resolve));
    const attempts = Array.from({ length: 50 }, () => answer(begin()));
    await settled();
    expect(open).toHaveLength(3);
    open[0]?.(granted({ authid: 'ann', authrole: 'user', authprovider: 'static' }));
    await settled();
    expect(open).toHaveLength(4);
    for (const resolve of open) resolve(DENIED);
    await settled();
    expect(open).toHaveLength(4);
    const outcomes = await Promise.all(attempts);
    expect(outcomes.filter((outcome) => outcome === DENIED)).toHaveLength(3);
    expect(outcomes.filter(({ kind }) => kind === 'granted')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.kind === 'refused' && outcome !== DENIED)).toHaveLength(46);
  });

  it('counts what fails by method and reason, and bounds only wrong credentials', async () => {
    const { begin, counters } = bounded();
    const outcomes: (() => AuthStep | Promise<AuthStep>)[] = [
      () => unusable('HELLO lacks something'),
      () => ({ kind: 'postponed', reason: { kind: 'unavailable', cause: 'undecided', message: 'later' } }),
      () => Promise.reject(new Error('the authenticator is broken')),
      () => granted({ authid: 'peter', authrole: 'user', authprovider: 'static' }),
    ];
    for (let round = 0; round < 5; round++)
      for (const next of outcomes) {
        step.next = next;
        await answer(begin()).catch(() => undefined);
      }
    expect(counters.authenticationFailures).toMatchObject({
      'ticket,unusable': 5,
      'ticket,unavailable': 10,
      'ticket,denied': 0,
      'ticket,throttled': 0,
    });
  });

  it('does not forget the failures of an authid when a session of another authid joins under its name', async () => {
    const { begin } = bounded();
    for (const authid of ['mallory', 'peter']) {
      step.next = () => DENIED;
      for (let i = 0; i < 2; i++) await answer(begin());
      step.next = () => granted({ authid, authrole: 'user', authprovider: 'jwt' });
      const isRefused = (await answer(begin())).kind === 'refused';
      expect([authid, isRefused]).toEqual([authid, authid === 'peter']);
    }
  });

  it('counts by address alone where the authid of HELLO means nothing', async () => {
    const { begin } = bounded();
    const token: AuthMethod = { ...method, name: 'jwt', ignoresAuthid: true };
    step.next = () => DENIED;
    for (let i = 0; i < 4; i++) expect(await answer(begin('home', token))).toBe(DENIED);
    expect(await answer(begin())).toBe(DENIED);
    expect(await answer(begin('home', token))).toMatchObject({
      kind: 'refused',
      fault: { error: 'wamp.error.limit_exceeded' },
    });
  });

  it('bounds each answer of several rounds, and methods of unknown names', async () => {
    const { begin, counters } = bounded();
    const odd: AuthMethod = { ...method, name: 'odd' };
    step.next = () => ({ kind: 'challenge', extra: {}, answer: () => Promise.resolve(DENIED) });
    for (let i = 0; i < 3; i++) expect(await answer(answer(begin('home', odd)))).toBe(DENIED);
    expect(await begin('home', odd)).toMatchObject({ kind: 'refused' });
    expect(counters.authenticationFailures).toMatchObject({ 'other,denied': 3, 'other,throttled': 1 });
  });

  it('lets an authid that fails from everywhere wait before any work is done', async () => {
    const { begin, timers } = bounded();
    step.next = () => DENIED;
    for (let i = 0; i < 30; i++) await answer(begin(`bot ${i}`));
    const begun = begin();
    expect([workCount, timers.length]).toEqual([30, 1]);
    timers[0]?.();
    step.next = () => granted({ authid: 'peter', authrole: 'user', authprovider: 'static' });
    expect(await answer(begun)).toMatchObject({ kind: 'granted' });
  });

  it('leaves anonymous sessions alone', () => {
    const anonymous: AuthMethod = { name: 'anonymous', begin: () => DENIED };
    const { attempts, ...rest } = { attempts: new Scene().node(), counters: createCounters() };
    const options = { attempts, ...rest, after: () => () => undefined, addressKeyOf: (address: string) => address };
    expect(boundedMethod(anonymous, options)).toBe(anonymous);
  });
});
