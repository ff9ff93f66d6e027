import { describe, expect, it } from 'vitest';
import type { Session } from '../../../src/session/ports.js';
import { ALL_ROLES, createHarness, deferred, isAbort, settle, type Harness } from '../../support/session-harness.js';

/** A turn of 1 ms: a connection has had its share after some 160 messages. */
function flooded(messageCount: number, limits: object = {}): Harness {
  const harness = createHarness({
    turnBudgetMs: 1,
    limits: { maxInboxMessages: 1_000, maxInboxBytes: 1e6, ...limits },
  });
  harness.join();
  harness.send(...Array.from({ length: messageCount }, (_, index) => [16, index + 1, {}, 'a.b']));
  return harness;
}

function routed({ realm }: Harness): unknown[] {
  return realm.routed.map(({ message }) => message[1]);
}

async function allTurns({ turns }: Harness): Promise<void> {
  while (turns.waitingCount > 0) await settle();
}

const NUMBERS = Array.from({ length: 400 }, (_, index) => index + 1);

describe('a session that sends more than its share of a turn (G11)', () => {
  it('waits with what is over, keeps its order and loses nothing', async () => {
    const harness = flooded(400);
    const atOnceCount = harness.realm.routed.length;
    expect(atOnceCount).toBeLessThan(250);
    expect(harness.counters.messagesDeferred.all).toBe(400 - atOnceCount);
    expect(harness.inboxes.messages).toBe(400 - atOnceCount);
    await allTurns(harness);
    expect(routed(harness)).toEqual(NUMBERS);
    expect(harness.inboxes).toMatchObject({ messages: 0, bytes: 0, inboxes: 0 });
    expect(harness.connection.closeCause).toBeUndefined();
  });

  it('may send behind what waits, and nothing overtakes', async () => {
    const harness = flooded(399);
    harness.send([16, 400, {}, 'a.b']);
    await allTurns(harness);
    expect(routed(harness)).toEqual(NUMBERS);
    harness.send([16, 401, {}, 'a.b']);
    expect(routed(harness).at(-1)).toBe(401);
  });

  it('is closed at once when its inbox is full, and what waits is dropped', async () => {
    const harness = flooded(400, { maxInboxMessages: 50 });
    const { connection, realm, counters } = harness;
    expect(isAbort(connection.last, 'wamp.error.limit_exceeded')).toBe(true);
    expect(connection.closeCause).toBe('limit');
    expect(connection.isClosedNow).toBe(true);
    expect(counters.limitsReached.inbox).toBe(1);
    expect(realm.removed).toHaveLength(1);
    const routedCount = realm.routed.length;
    await allTurns(harness);
    expect(realm.routed).toHaveLength(routedCount);
    expect(harness.inboxes).toMatchObject({ messages: 0, bytes: 0, inboxes: 0 });
  });

  it('has its GOODBYE answered behind all that it sent before', async () => {
    const harness = flooded(400);
    harness.send([6, {}, 'wamp.close.normal'], [16, 999, {}, 'a.b']);
    expect(harness.realm.removed).toEqual([]);
    await allTurns(harness);
    expect(routed(harness)).toEqual(NUMBERS);
    expect(harness.connection.messages.find(([code]) => code === 6)).toEqual([6, {}, 'wamp.close.goodbye_and_out']);
    expect(harness.realm.removed).toHaveLength(1);
    // What still comes of the session that has ended is ignored.
    expect(harness.connection.closeCause).toBeUndefined();
  });

  it('that hangs up leaves its realm when all it sent before has taken effect', async () => {
    const harness = flooded(400);
    harness.hangUp();
    expect(harness.realm.removed).toEqual([]);
    await allTurns(harness);
    expect(routed(harness)).toEqual(NUMBERS);
    expect(harness.realm.removed).toHaveLength(1);
    expect(harness.timers.pending).toEqual([]);
  });

  it('leaves its realm when the node stops, whatever waits', async () => {
    const harness = flooded(400);
    harness.hangUp();
    const routedCount = harness.realm.routed.length;
    harness.turns.stop();
    expect(harness.realm.removed).toHaveLength(1);
    await settle();
    expect(harness.realm.routed).toHaveLength(routedCount);
  });
});

describe('sessions whose connections end (G11)', () => {
  it('leave their realm in a later turn when this one has no time left', async () => {
    const harness = createHarness({ turnBudgetMs: 1 });
    harness.join();
    harness.turns.work(10_000);
    harness.hangUp();
    expect(harness.realm.removed).toEqual([]);
    await allTurns(harness);
    expect(harness.realm.removed).toHaveLength(1);
    expect(harness.timers.pending).toEqual([]);
  });

  it('leave their realm at once when the node stops', () => {
    const harness = createHarness({ turnBudgetMs: 1 });
    harness.join();
    harness.turns.work(10_000);
    harness.hangUp();
    harness.turns.stop();
    expect(harness.realm.removed).toHaveLength(1);
  });
});

describe('a message that takes several turns, as a publication to very many (G11)', () => {
  it('has the next ones wait, in order (ORD-1)', async () => {
    const harness = createHarness();
    harness.join();
    const door = deferred<undefined>();
    harness.realm.onRoute = (_, [, request]) => (request === 1 ? door.promise : undefined);
    harness.send(...[1, 2, 3].map((request) => [16, request, {}, 'a.b']));
    expect(routed(harness)).toEqual([1]);
    door.resolve(undefined);
    await settle();
    expect(routed(harness)).toEqual([1, 2, 3]);
  });

  it('is overtaken by none of them when its connection is lost in a turn without time left (ORD-1)', async () => {
    const harness = createHarness({ turnBudgetMs: 1 });
    harness.join();
    const door = deferred<undefined>();
    harness.realm.onRoute = (_, [, request]) => (request === 1 ? door.promise : undefined);
    harness.send([16, 1, {}, 'a.b'], [16, 2, {}, 'a.b']);
    harness.turns.work(10_000);
    harness.hangUp();
    await allTurns(harness);
    expect(routed(harness)).toEqual([1]);
    expect(harness.realm.removed).toHaveLength(1);
    door.resolve(undefined);
    await settle();
    expect(routed(harness)).toEqual([1]);
  });
});

const GOODBYE = [6, {}, 'wamp.close.normal'];
const PARTS = 20;

const ENDINGS: Record<string, (harness: Harness, session: Session) => void> = {
  'a connection that is lost': ({ hangUp }) => hangUp(),
  GOODBYE: ({ send }) => send(GOODBYE),
  'the GOODBYE of the router': (_, session) => session.close('wamp.close.killed'),
  ABORT: ({ send }) => send([3, {}, 'wamp.close.normal']),
  'the ABORT of the router': ({ send }) => send([64, 'no request']),
  'a close with 1012': (_, session) => session.dismiss(),
};

describe.each(Object.entries(ENDINGS))('a session that holds much, and ends by %s (G11)', (_, end) => {
  it('is closed at once, and ends what it holds in parts, which share turns with other connections', async () => {
    const harness = createHarness({ turnBudgetMs: 1 });
    const { realm } = harness;
    const session = harness.join();
    realm.partCount = PARTS;
    end(harness, session);
    expect(session.isOpen).toBe(false);
    const seen: number[] = [];
    while (harness.turns.waitingCount > 0) {
      seen.push(realm.partCount);
      await settle();
    }
    // A part at once, and then one for each turn of a millisecond.
    expect(seen[0]).toBe(PARTS - 1);
    expect(seen.length).toBeGreaterThan(PARTS / 2);
    expect(realm.partCount).toBe(0);
    expect(realm.removed).toEqual([session]);
  });

  it('ends all at once when the node stops', () => {
    const harness = createHarness({ turnBudgetMs: 1 });
    const session = harness.join();
    harness.realm.partCount = PARTS;
    end(harness, session);
    harness.turns.stop();
    expect(harness.realm.removed).toEqual([session]);
  });
});

describe('a session that holds much and sends GOODBYE', () => {
  function leaving(...behind: readonly unknown[][]): Harness {
    const harness = createHarness({ turnBudgetMs: 1 });
    harness.join();
    harness.realm.partCount = PARTS;
    harness.send(GOODBYE, ...behind);
    return harness;
  }
  const codes = ({ connection }: Harness): unknown[] => connection.messages.map(([code]) => code);

  it('gets the answer once it holds nothing any more (SES-13)', async () => {
    const harness = leaving();
    while (harness.realm.removed.length === 0) {
      expect(codes(harness)).toEqual([2]);
      await settle();
    }
    expect(codes(harness)).toEqual([2, 6]);
    expect(harness.connection.closeCause).toBeUndefined();
  });

  it('may send a HELLO behind it, which is answered behind GOODBYE (SES-14)', async () => {
    const harness = leaving([1, 'realm1', { roles: ALL_ROLES }], [16, 1, {}, 'a.b']);
    expect(harness.realm.admitted).toHaveLength(1);
    await allTurns(harness);
    await settle();
    expect(codes(harness)).toEqual([2, 6, 2]);
    expect(harness.realm.admitted).toHaveLength(2);
    expect(routed(harness)).toEqual([1]);
    expect(harness.timers.pending).toEqual([]);
  });

  it('may hang up before the answer, and ends once', async () => {
    const harness = leaving();
    harness.hangUp();
    await allTurns(harness);
    expect(codes(harness)).toEqual([2]);
    expect(harness.realm.removed).toHaveLength(1);
    expect(harness.timers.pending).toEqual([]);
  });
});
