import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError, type Answers } from '../../../../src/backplane/backplane.js';
import { MemoryExpiringStore, SharedExpiringState } from '../../../../src/backplane/memory/expiring-store.js';
import { sharedStepUnless } from '../../../../src/backplane/memory/shared-step.js';
import { closeReplaced } from '../../../../src/realm/sessions/replaced-sessions.js';
import { Reservations } from '../../../../src/realm/sessions/reservations.js';
import { SessionPlaces, type AuthidRule } from '../../../../src/realm/sessions/session-places.js';
import { isUnavailable, type Newcomer } from '../../../../src/session/ports.js';
import { createCounters } from '../../../../src/telemetry/counters.js';
import type { NodeId, SessionId } from '../../../../src/wamp/ids.js';

const NODE = 'n' as NodeId;

/** The places of one node over a shared store, with a directory that the test fills. */
class Scene {
  nowMs = 0;
  isAway = false;
  readonly present = new Set<number>();
  readonly asked: unknown[] = [];
  readonly lost: string[] = [];
  readonly timers: { readonly delayMs: number; readonly action: () => void }[] = [];
  limitCount = 0;
  unanswered: Answers['unanswered'] = [];
  state = new SharedExpiringState(() => this.nowMs);

  node(rule: AuthidRule): SessionPlaces {
    const reach = sharedStepUnless(() => (this.isAway ? new BackplaneUnavailableError('expiring state') : undefined));
    return new SessionPlaces({
      realm: 'r',
      rule,
      backplane: {
        get expiring() {
          return new MemoryExpiringStore(scene.state, reach);
        },
        directory: {
          sessions: { get: (_realm: string, id: number) => Promise.resolve(this.present.has(id) ? {} : undefined) },
        },
        ask: (_realm: string, subject: string, body: unknown) => {
          this.asked.push([subject, body]);
          return Promise.resolve({ answers: [], unanswered: this.unanswered });
        },
      } as unknown as ConstructorParameters<typeof SessionPlaces>[0]['backplane'],
      after: (delayMs, action) => {
        const timer = { delayMs, action };
        this.timers.push(timer);
        return () => void this.timers.splice(this.timers.indexOf(timer), 1);
      },
      onLimit: () => {
        this.limitCount++;
      },
      onLostRequest: (operation) => void this.lost.push(operation),
    });
  }
}

let scene: Scene;

function begin(rule: AuthidRule): { readonly one: SessionPlaces; readonly two: SessionPlaces } {
  scene = new Scene();
  return { one: scene.node(rule), two: scene.node(rule) };
}

function enter(places: SessionPlaces, id: number, authid = 'peter') {
  scene.present.add(id);
  return places.enter(authid, id as SessionId);
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('places of an authid', () => {
  it('are taken by sessions of all nodes, and given up by those that leave', async () => {
    const { one, two } = begin({ max: 2, full: 'refuse' });
    expect([await enter(one, 1), await enter(two, 2), await enter(one, 4, 'mary')]).toEqual(Array(3).fill(undefined));
    expect(await enter(two, 3)).toMatchObject({ error: 'wamp.error.limit_exceeded' });
    expect(scene.limitCount).toBe(1);
    one.leave(1 as SessionId);
    one.leave(99 as SessionId);
    await settled();
    expect(await enter(two, 3)).toBeUndefined();
  });

  it('are taken from sessions that do not exist any more: their node has died', async () => {
    const { one, two } = begin({ max: 2, full: 'refuse' });
    await enter(one, 1);
    await enter(one, 2);
    scene.present.delete(1);
    expect(await enter(two, 3)).toBeUndefined();
    expect(await enter(two, 4)).toMatchObject({ error: 'wamp.error.limit_exceeded' });
  });

  it('are taken again after the store has lost them, and in time before it would forget them', async () => {
    const { one, two } = begin({ max: 1, full: 'refuse' });
    await enter(one, 1);
    scene.state = new SharedExpiringState(() => scene.nowMs);
    await one.renew();
    expect(await enter(two, 2)).toMatchObject({ error: 'wamp.error.limit_exceeded' });
    expect(scene.timers.map(({ delayMs }) => delayMs)).toEqual([28_800_000]);
    for (let hours = 8; hours <= 48; hours += 8) {
      scene.nowMs = hours * 3_600_000;
      scene.timers.shift()?.action();
      await settled();
      expect(await enter(two, 2)).toMatchObject({ error: 'wamp.error.limit_exceeded' });
    }
    one.leave(1 as SessionId);
    scene.timers.shift()?.action();
    await settled();
    expect([scene.timers, scene.state.size]).toEqual([[], 0]);
  });

  it('are not to be had while the store is away', async () => {
    const { one } = begin({ max: 1, full: 'refuse' });
    scene.isAway = true;
    expect(isUnavailable(await enter(one, 1))).toBe(true);
    await one.renew();
    expect(scene.lost).toEqual(['place of a session']);
  });

  it('are taken from the oldest, which every node is asked to close, a few times if it cannot be reached', async () => {
    const { one, two } = begin({ max: 1, full: 'replace' });
    scene.unanswered = [{ node: NODE, why: 'unreachable' }];
    await enter(one, 1);
    expect(await enter(two, 2)).toBeUndefined();
    for (let i = 0; i < 5; i++) {
      await settled();
      for (const timer of scene.timers.splice(0)) if (timer.delayMs === 5_000) timer.action();
    }
    expect(scene.asked).toEqual(Array(3).fill(['sessions.replaced', [1]]));
    scene.unanswered = [{ node: NODE, why: 'gone' }];
    await enter(one, 3);
    await settled();
    expect(scene.asked).toHaveLength(4);
    one.close();
  });
});

it('refuse a session that another one replaces before the store has answered', async () => {
  const { one, two } = begin({ max: 1, full: 'replace' });
  const shared = {
    backplane: { directory: { join: () => true, leave: () => undefined } },
    totals: { sessionCount: 0 },
    limits: { maxSessions: 10, maxAuthextraBytes: 0 },
    counters: createCounters(),
    onLostRequest: () => undefined,
  } as unknown as ConstructorParameters<typeof Reservations>[1];
  const reservations = new Reservations('r', shared, one, () => 1 as SessionId);
  const first = reservations.reserve({ authid: 'peter', authrole: 'user', authmethod: 'ticket' } as Newcomer);
  await Promise.resolve();
  const second = enter(two, 2);
  expect(await closeReplaced([1], new Set(), reservations)).toBe(1);
  expect(await first).toMatchObject({
    error: 'wamp.error.limit_exceeded',
    message: expect.stringContaining('replaced'),
  });
  expect(await second).toBeUndefined();
  expect(await closeReplaced([1], new Set(), reservations)).toBe(0);
});
