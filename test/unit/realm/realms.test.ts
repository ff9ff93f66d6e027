import { HeldTotal } from '../../../src/routing/held-total.js';
import { describe, expect, it } from 'vitest';
import { MemoryHub } from '../../../src/backplane/memory/hub.js';
import { createRandomSource } from '../../../src/realm/random-source.js';
import type { LostSession } from '../../../src/backplane/session-row.js';
import { Delivery } from '../../../src/realm/delivery.js';
import { Inbound } from '../../../src/realm/inbound.js';
import { Realm } from '../../../src/realm/realm.js';
import type { RealmSettings } from '../../../src/realm/realm-dependencies.js';
import { Realms } from '../../../src/realm/realms.js';
import { MetaTopic } from '../../../src/routing/meta/topics.js';
import { createCounters } from '../../../src/telemetry/counters.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import type { NodeId, SessionId } from '../../../src/wamp/ids.js';
import { RoleAuthorizers } from '../../../src/session/authorization/role-authorizers.js';
import { codecs } from '../../support/session-harness.js';
import { newcomer } from '../../support/newcomer.js';
import { META_LIMITS } from '../../support/meta-limits.js';

const SETTINGS: RealmSettings = {
  rules: {
    uriCheck: 'loose',
    requestIdCheck: 'off',
    allowDisclose: true,
    callTimeoutUnit: 'ms',
    maxUriBytes: 255,
    maxUriComponents: 32,
  },
  dealing: {
    progressiveResultsRequireCanceling: false,
    timeoutUnit: 'ms',
    busyError: 'wamp',
    forceReregister: 'anybody',
  },
  authorization: { roles: new RoleAuthorizers(new Map()), remote: new Map() },
  metaApi: 'read',
};
const LIMIT = 10;

const macrotask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One node of two, so that every answer of the directory takes a while. */
async function scene(maxRealms: number, configured: readonly string[] = []) {
  const hub = new MemoryHub();
  const [backplane, other] = ['a', 'b'].map((name) => hub.join(name as NodeId));
  const counters = createCounters();
  const totals = { sessionCount: 0, testamentBytes: 0 };
  const realms = new Realms({
    configured: new Map(configured.map((uri) => [uri, SETTINGS])),
    template: { settings: SETTINGS, admits: () => true, idleMs: 1_000 },
    limits: { maxRealms },
    logger: silentLogger,
    shared: {
      backplane: backplane!,
      codecs,
      counters,
      delivery: new Delivery(codecs, counters, { spent: 0 }),
      random: createRandomSource(),
      limits: {
        maxSessions: LIMIT,
        maxSubscriptionsPerSession: LIMIT,
        maxRegistrationsPerSession: LIMIT,
        maxPendingCallsPerSession: LIMIT,
        maxHeldMessages: 1_000,
        maxHeldBytes: 1_000_000,
        maxTestamentsPerSession: 3,
        maxTestamentBytes: 1_000,
        maxTotalTestamentBytes: 1_000_000,
        ...META_LIMITS,
        interruptTimeoutMs: 5_000,
      },
      heldTotal: new HeldTotal(Infinity),
      nowMs: () => 0,
      after: () => () => undefined,
      longWork: {
        inTurns: (part) => {
          while (part());
          return Promise.resolve();
        },
      },
      keptWrites: { count: 0, bytes: 0, lastNumber: 0 },
      totals,
      onLostRequest: (_operation, cause) => {
        throw cause;
      },
    },
  });
  const nothing = (): undefined => undefined;
  const reports = { gap: nothing, sessionsLost: nothing, nodeGone: nothing, reach: nothing, fenced: nothing };
  const atOther: string[] = [];
  await backplane!.start(new Inbound(realms.all, backplane!.bus, reports));
  const events = new Inbound(new Map(), other!.bus, reports);
  events.publication = (_from, _realm, { topic }) => void atOther.push(topic);
  await other!.start(events);
  const starting = realms.start();
  if (configured.length === 0) await starting;
  return { realms, counters, totals, starting, other: other!, atOther };
}

function lostIn(realm: string): LostSession {
  return { ...newcomer(), session: 7 as SessionId, realm, node: 'dead' as NodeId, joinedAtMs: 0 };
}

async function opened(opening: ReturnType<Realms['open']>): Promise<Realm> {
  const realm = await opening;
  if (!(realm instanceof Realm)) throw new Error(realm.message);
  return realm;
}

describe('the realms of a node', () => {
  it('count one that is on its way in once (limits.maxRealms)', async () => {
    const { realms, counters } = await scene(2);
    const first = realms.open('a');
    await Promise.resolve();
    await Promise.resolve();
    expect(realms.all.size).toBe(1);
    const second = realms.open('b');
    await opened(first);
    await opened(second);
    expect(realms.open('c')).toMatchObject({ kind: 'unavailable', cause: 'full' });
    expect(counters.limitsReached.realms).toBe(1);
  });

  it('count those that are asked for in one turn (limits.maxRealms)', async () => {
    const { realms } = await scene(2);
    const openings = ['a', 'b'].map((uri) => realms.open(uri));
    expect(realms.open('c')).toMatchObject({ cause: 'full' });
    for (const opening of openings) await opened(opening);
  });

  it('count the sessions of a dead node, also where their realm cannot be opened', async () => {
    const { realms, counters } = await scene(1);
    await opened(realms.open('a'));
    realms.sessionsLost([lostIn('a'), lostIn('b'), lostIn('b')]);
    await macrotask();
    expect(counters.sessionsRecovered).toEqual({ published: 1, unconcerned: 0, lost: 2 });
  });

  it('publish the leave of a lost session once they know who receives it (SMA-2)', async () => {
    const { realms, other, atOther } = await scene(1);
    await other.serve('a');
    await other.bus.watch('a', MetaTopic.SESSION_LEFT, 'exact');
    const opening = realms.open('a');
    realms.sessionsLost([lostIn('a')]);
    await Promise.resolve();
    await Promise.resolve();
    expect(realms.all.size).toBe(1);
    realms.sessionsLost([lostIn('a')]);
    await opened(opening);
    await macrotask();
    expect(atOther).toEqual([MetaTopic.SESSION_LEFT, MetaTopic.SESSION_LEFT]);
  });

  it('publish the leave of a session that is lost while they start (SMA-2)', async () => {
    const { realms, counters, starting } = await scene(2, ['a', 'b']);
    realms.sessionsLost([lostIn('a'), lostIn('b')]);
    expect(counters.sessionsRecovered).toEqual({ published: 0, unconcerned: 0, lost: 0 });
    await starting;
    expect(counters.sessionsRecovered).toEqual({ published: 2, unconcerned: 0, lost: 0 });
  });

  it('take nobody whose handshake was under way when they closed (Drain)', async () => {
    const { realms, totals } = await scene(2);
    const realm = await opened(realms.open('a'));
    const asked = realm.reserve(newcomer());
    const opening = realms.open('b');
    realms.close();
    expect(await asked).toMatchObject({ kind: 'unavailable', cause: 'draining' });
    expect(await opening).toMatchObject({ kind: 'unavailable', cause: 'draining' });
    expect(realm.reserve(newcomer())).toMatchObject({ cause: 'draining' });
    expect(realms.open('a')).toMatchObject({ cause: 'draining' });
    await macrotask();
    expect(totals.sessionCount).toBe(0);
    expect(realm.isEmpty).toBe(true);
  });
});
