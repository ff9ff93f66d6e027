import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BackplaneEvents } from '../../src/backplane/backplane.js';
import { SharedDirectory } from '../../src/backplane/memory/directory.js';
import { Lane } from '../../src/backplane/memory/lane.js';
import { RegistrationTable } from '../../src/backplane/memory/registration-table.js';
import { SharedRetainedEvents } from '../../src/backplane/memory/retained-events.js';
import { Replays } from '../../src/routing/broker/replays.js';
import { Membership } from '../../src/backplane/redis/membership/membership.js';
import { VersionWaits } from '../../src/backplane/memory/version-waits.js';
import { OwnEvents } from '../../src/routing/broker/own-events.js';
import { AbandonedInvocations } from '../../src/routing/dealer/abandoned-invocations.js';
import { deliverRest } from '../../src/routing/rest.js';
import type { Publication } from '../../src/routing/ports.js';
import type { Peer } from '../../src/routing/peer.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { scheduleArbitrary, type Faults, type Schedule } from './schedule.js';
import { simulate } from './simulate.js';
import type { Meddle } from './simulated-node.js';

const SEED = 1;
const MAX_SCHEDULES = 400;

afterEach(() => {
  vi.restoreAllMocks();
});

/** Plays schedules until something goes against one of the rules; its text, or undefined when nothing ever does. */
async function firstViolation(rules: RegExp, faults: Faults, meddle?: Meddle): Promise<string | undefined> {
  const isMeta = /[SUR]MA-|TST-|RET-/.test(rules.source);
  for (const schedule of fc.sample(scheduleArbitrary(faults, isMeta), { seed: SEED, numRuns: MAX_SCHEDULES })) {
    const { violations } = await simulate(schedule, meddle);
    const found = violations.find((violation) => rules.test(violation));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The events as they come, but for what `change` puts in their place. */
function changed(change: (events: BackplaneEvents, random: () => number) => Partial<BackplaneEvents>): Meddle {
  return (events, _node, random) => ({
    publication: (...values) => events.publication(...values),
    frame: (...values) => events.frame(...values),
    registration: (...values) => events.registration(...values),
    topic: (...values) => events.topic?.(...values),
    sessionsLost: (...values) => events.sessionsLost?.(...values),
    nodeGone: (...values) => events.nodeGone(...values),
    gap: (...values) => events.gap(...values),
    returned: (...values) => events.returned(...values),
    down: (reason) => events.down(reason),
    up: () => events.up(),
    fenced: () => events.fenced(),
    ...change(events, random),
  });
}

/** Delivers it in one step. */
function deliverAll(events: BackplaneEvents, values: Parameters<BackplaneEvents['publication']>): undefined {
  deliverRest(events.publication(...values));
  return undefined;
}

const seldom = (random: () => number): boolean => random() < 0.05;

/** Lets one message of a sender wait now and then until the next one has passed it. */
function overtaking(): Meddle {
  return changed((events, random) => {
    const held = new Map<NodeId, () => void>();
    const pass = (from: NodeId, deliver: () => void): undefined => {
      const waiting = held.get(from);
      if (waiting === undefined && random() < 0.3) {
        held.set(from, deliver);
        return undefined;
      }
      deliver();
      held.delete(from);
      waiting?.();
      return undefined;
    };
    return {
      publication: (...values) => pass(values[0], () => deliverAll(events, values)),
      frame: (from, ...values) => pass(from, () => events.frame(from, ...values)),
    };
  });
}

const withoutAudience = ({ audience: _, ...publication }: Publication): Publication => publication;

/** A replica takes over that has the row of a node and not its note of the realm; then that node dies. */
const UNNOTED: Schedule = {
  nodeCount: 2,
  partCount: 3,
  faults: 'all-parts',
  batchCount: 1,
  seed: 3,
  setup: [],
  steps: [
    { what: 'start', pauseMs: 0 },
    ...[0, 1, 2].map((part) => ({ what: 'fall-behind', pauseMs: part === 0 ? 16 : 0, part }) as const),
    { what: 'wait', pauseMs: 0, forMs: 1_000 },
    ...[0, 1, 2].map((part) => ({ what: 'take-over', pauseMs: 0, part, lateMs: 1, goesOn: false }) as const),
    { what: 'wait', pauseMs: 0, forMs: 3_000 },
    { what: 'kill', pauseMs: 0, node: 2, keptCount: 0, leaseMs: 0 },
  ],
};

describe('the checker finds out', () => {
  const meddling: readonly [what: string, rules: RegExp, faults: Faults, meddle: Meddle][] = [
    ['events that overtake one another (G1)', /^ORD-1/, 'none', overtaking()],
    ['invocations that overtake one another (G1)', /^ORD-3/, 'none', overtaking()],
    ['chunks of one call that overtake one another (G1)', /^ORD-5/, 'none', overtaking()],
    [
      'events delivered twice (G4)',
      /^G4, BRK-8/,
      'none',
      changed((events) => ({
        publication: (...values) => {
          deliverAll(events, values);
          return events.publication(...values);
        },
      })),
    ],
    [
      'events that vanish without a word (G4)',
      /^G2, G4/,
      'none',
      changed((events, random) => ({
        publication: (...values) => (seldom(random) ? undefined : events.publication(...values)),
      })),
    ],
    [
      'events delivered to whom they are not for (BWL-1)',
      /BWL-1/,
      'none',
      changed((events) => ({
        publication: (from, realm, publication) => events.publication(from, realm, withoutAudience(publication)),
      })),
    ],
    [
      'frames that vanish without a word (G3)',
      /^G3/,
      'none',
      changed((events, random) => ({ frame: (...values) => !seldom(random) && events.frame(...values) })),
    ],
    [
      'frames that come twice (DLR-5)',
      /^DLR-5/,
      'none',
      changed((events) => ({
        frame: (...values) => {
          events.frame(...values);
          events.frame(...values);
        },
      })),
    ],
    ['losses that are not reported (G3)', /^G3/, 'losses', changed(() => ({ gap: () => undefined }))],
    [
      'a loss that nobody reports to the other side (G3)',
      /^G3/,
      'losses',
      changed((events) => ({ frame: (...values) => values[2].kind !== 'lost' && events.frame(...values) })),
    ],
    [
      'calls that wait although their invoke came back (G3)',
      /^G3, G6.*came back/,
      'returns',
      changed(() => ({ returned: () => undefined })),
    ],
    [
      'calls that wait for nodes out of reach (G6)',
      /^G6: .*still waits for/,
      'isolation',
      changed(() => ({ down: () => undefined })),
    ],
    [
      'callees that work for nodes out of reach (G6)',
      /^G6, DLR-11/,
      'isolation',
      changed(() => ({ down: () => undefined })),
    ],
    [
      'a node that lives on although it was declared dead (G5)',
      /^G5.*lives on/,
      'fencing',
      changed(() => ({ fenced: () => undefined })),
    ],
    [
      'meta events that come twice (SMA-2)',
      /^SMA-2.*twice/,
      'none',
      changed((events) => ({
        publication: (...received) => {
          if (received[2].topic.startsWith('wamp.session')) deliverAll(events, received);
          return events.publication(...received);
        },
      })),
    ],
    [
      'meta events that are missing (UMA-1)',
      /^UMA-1, UMA-6.*never got/,
      'none',
      changed((events, random) => ({
        publication: (...received) => {
          const isLost = received[2].topic.startsWith('wamp.subscription') && seldom(random);
          return isLost ? undefined : events.publication(...received);
        },
      })),
    ],
    [
      'sessions of a dead node that are forgotten (SMA-2)',
      /^SMA-2.*never got on_leave/,
      'deaths',
      changed(() => ({ sessionsLost: () => undefined })),
    ],
    ['a node that is not notified of a death (G3)', /^G3/, 'deaths', changed(() => ({ nodeGone: () => undefined }))],
    [
      'registrations that a node does not receive (G2)',
      /^G3.*no_such_procedure|^G5/,
      'none',
      changed((events, random) => ({ registration: (...values) => !seldom(random) && events.registration(...values) })),
    ],
  ];

  it.each(meddling)('%s', async (_what, rules, faults, meddle) => {
    expect(await firstViolation(rules, faults, meddle)).toMatch(rules);
  });

  it('SUBSCRIBED that comes before every node knows (G2)', async () => {
    vi.spyOn(VersionWaits.prototype, 'wait').mockReturnValue(undefined);
    expect(await firstViolation(/^G2, G4/, 'none')).toContain('never got publication');
  });

  it('events that a session published behind its SUBSCRIBE and never gets (G10)', async () => {
    vi.spyOn(OwnEvents.prototype, 'push').mockReturnValue(false);
    expect(await firstViolation(/^G10/, 'none')).toContain('sent behind its SUBSCRIBE');
  });

  it('REGISTERED that comes before every node knows (G2)', async () => {
    const wait = Object.getOwnPropertyDescriptor(VersionWaits.prototype, 'wait')!.value as VersionWaits['wait'];
    vi.spyOn(VersionWaits.prototype, 'wait').mockImplementation(function (this: VersionWaits, version, nodes) {
      return wait.call(this, version, [...nodes].slice(0, 1));
    });
    expect(await firstViolation(/no_such_procedure/, 'none')).toContain('had registered');
  });

  it('REGISTERED that comes before its own node knows (REV-1)', async () => {
    vi.spyOn(VersionWaits.prototype, 'wait').mockReturnValue(undefined);
    expect(await firstViolation(/^REV-1/, 'none')).toContain('nobody took it over');
  });

  it('confirmations that are lost for good (G2)', async () => {
    vi.spyOn(VersionWaits.prototype, 'confirm').mockReturnValue(undefined);
    expect(await firstViolation(/^G2:/, 'none')).toContain('never got an answer');
  });

  it('waiting for the dead (G2)', async () => {
    vi.spyOn(VersionWaits.prototype, 'drop').mockReturnValue(undefined);
    expect(await firstViolation(/^G2:/, 'deaths')).toContain('never got an answer');
  });

  it('rows of the dead that stay (G5)', async () => {
    vi.spyOn(SharedDirectory.prototype, 'withdraw').mockReturnValue(undefined);
    expect(await firstViolation(/^G5/, 'deaths')).toContain('rows of it are left');
  });

  it('deaths that are reported twice (G5)', async () => {
    const removeNode = Object.getOwnPropertyDescriptor(SharedDirectory.prototype, 'removeNode')!
      .value as SharedDirectory['removeNode'];
    vi.spyOn(SharedDirectory.prototype, 'removeNode').mockImplementation(function (
      this: SharedDirectory,
      node,
      ...how
    ) {
      removeNode.call(this, node, ...how);
      this.enter(node);
      removeNode.call(this, node, ...how);
    });
    expect(await firstViolation(/^G5/, 'deaths')).toContain('received 2 times');
  });

  it('on_delete that overtakes on_unsubscribe (UMA-1)', async () => {
    vi.spyOn(Lane.prototype, 'flush').mockReturnValue(undefined);
    expect(await firstViolation(/^UMA-1.*before the end/, 'none')).toContain('on_delete');
  });

  it('on_leave that two nodes publish (SMA-2)', async () => {
    vi.spyOn(SharedDirectory.prototype, 'leave').mockReturnValue(undefined);
    expect(await firstViolation(/^SMA-2.*on_leave of \d+ twice/, 'deaths')).toBeDefined();
  });

  it('testaments that are lost with their node (TST-7)', async () => {
    vi.spyOn(SharedDirectory.prototype, 'setTestaments').mockReturnValue(true);
    expect(await firstViolation(/TST-7.*testament/, 'deaths')).toContain('not its testament before');
  });

  it('retained events that a subscriber never gets (RET-2)', async () => {
    vi.spyOn(SharedRetainedEvents.prototype, 'get').mockReturnValue([]);
    expect(await firstViolation(/^RET-2/, 'none')).toContain('never got the retained');
  });

  it('retained events that come again as live ones (RET-2, G4)', async () => {
    vi.spyOn(Replays.prototype, 'covers').mockReturnValue(false);
    expect(await firstViolation(/^(G4, BRK-8|RET-2).*twice/, 'none')).toBeDefined();
  });

  it('two sessions of one id (SES-2)', async () => {
    vi.spyOn(SharedDirectory.prototype, 'join').mockReturnValue(true);
    expect(await firstViolation(/^SES-2/, 'none')).toContain('has the id of another');
  });

  it('a procedure that two sessions hold alone (SHR-2)', async () => {
    vi.spyOn(RegistrationTable.prototype, 'find').mockReturnValue(undefined);
    expect(await firstViolation(/^SHR-1, SHR-2/, 'none')).toContain('both hold');
  });

  it('places that are free while their callees work on (concurrency)', async () => {
    vi.spyOn(AbandonedInvocations.prototype, 'add').mockImplementation(function (
      this: AbandonedInvocations<Peer>,
      { registration },
    ) {
      registration.activeCount--;
    });
    expect(await firstViolation(/^concurrency/, 'none')).toContain('while it works on');
  });

  it('realms that are not noted again after a recovery, so that rows of a dead node stay (G5, ADR 52)', async () => {
    expect((await simulate(UNNOTED)).violations).toEqual([]);
    vi.spyOn(Membership.prototype, 'noteRealms').mockResolvedValue(undefined);
    expect((await simulate(UNNOTED)).violations.join()).toMatch(/^G5: .* rows of it are left/);
  });

  it('nothing where nothing is wrong', async () => {
    expect(await firstViolation(/./, 'all')).toBeUndefined();
  });
});
