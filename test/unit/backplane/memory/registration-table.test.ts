import { beforeEach, describe, expect, it } from 'vitest';
import { RegistrationTable } from '../../../../src/backplane/memory/registration-table.js';
import type { Claim, ClaimOutcome, Registration } from '../../../../src/routing/ports.js';
import type { NodeId, RegistrationId, SessionId } from '../../../../src/wamp/ids.js';
import type { InvocationPolicy } from '../../../../src/wamp/options.js';

const N1 = 'n1' as NodeId;
const N2 = 'n2' as NodeId;

let nextSession = 1;

function claimOf(overrides: Partial<Claim> & { node?: NodeId; session?: number } = {}): Claim {
  const { node = N1, session = nextSession++, ...rest } = overrides;
  return {
    registration: 7 as RegistrationId,
    procedure: 'com.add',
    match: 'exact',
    invoke: 'single',
    callee: { node, session: session as SessionId, discloseCaller: false, forwardTimeout: false },
    force: false,
    ...rest,
  };
}

function granted(outcome: ClaimOutcome): Registration {
  if (outcome.kind !== 'granted') throw new Error(`not granted but ${outcome.kind}`);
  return outcome.registration;
}

const sessionsOf = (registration: Registration): number[] => registration.callees.map(({ session }) => session);

let table: RegistrationTable;
beforeEach(() => {
  nextSession = 1;
  table = new RegistrationTable((_match, _procedure, attempt) => (7 + attempt) as RegistrationId);
});

describe('claim', () => {
  it('grants a free procedure under the id claimed', () => {
    const registration = granted(table.claim(claimOf({ invoke: 'first' })));
    expect(registration).toMatchObject({ id: 7, procedure: 'com.add', match: 'exact', invoke: 'first' });
    expect(sessionsOf(registration)).toEqual([1]);
  });

  it('refuses a second callee where the first holds it alone (SHR-2)', () => {
    table.claim(claimOf());
    expect(table.claim(claimOf())).toEqual({ kind: 'taken' });
    expect(table.claim(claimOf({ invoke: 'roundrobin' }))).toEqual({ kind: 'taken' });
  });

  it.each<InvocationPolicy>(['roundrobin', 'random', 'first', 'last'])(
    'adds callees in order of registration under %s (SHR-1, SHR-3)',
    (invoke) => {
      table.claim(claimOf({ invoke }));
      table.claim(claimOf({ invoke, node: N2 }));
      expect(sessionsOf(granted(table.claim(claimOf({ invoke }))))).toEqual([1, 2, 3]);
    },
  );

  it('refuses another policy than the first callee chose, and names that one (SHR-1, SHR-2)', () => {
    table.claim(claimOf({ invoke: 'first' }));
    expect(table.claim(claimOf({ invoke: 'last' }))).toEqual({ kind: 'policy-conflict', invoke: 'first' });
    expect(table.claim(claimOf({ invoke: 'single' }))).toEqual({ kind: 'policy-conflict', invoke: 'first' });
  });

  it('refuses a session that already is a callee, also under a shared policy and by force (DLR-4)', () => {
    table.claim(claimOf({ invoke: 'first', session: 5 }));
    expect(table.claim(claimOf({ invoke: 'first', session: 5 }))).toEqual({ kind: 'taken' });
    expect(table.claim(claimOf({ invoke: 'first', session: 5, force: true }))).toEqual({ kind: 'taken' });
  });

  it('by force lets everybody keep it, with the newcomer as their successor', () => {
    const before = granted(table.claim(claimOf({ invoke: 'first' })));
    const registration = granted(table.claim(claimOf({ invoke: 'last', force: true, session: 9 })));
    expect(registration).toMatchObject({ id: 7, invoke: 'first', callees: before.callees });
    expect(registration.successors?.map(({ session }) => session)).toEqual([9]);
  });

  it('takes the same string under different match policies as different registrations (PBR-1)', () => {
    const exact = granted(table.claim(claimOf({ registration: 1 as RegistrationId })));
    const prefix = granted(table.claim(claimOf({ match: 'prefix', registration: 2 as RegistrationId })));
    expect([exact.id, prefix.id]).toEqual([1, 2]);
    expect(table.size).toBe(2);
  });

  it('gives a procedure another id when its own is taken by another procedure (ID-3)', () => {
    table.claim(claimOf({ procedure: 'com.one' }));
    expect(granted(table.claim(claimOf({ procedure: 'com.two', invoke: 'first' }))).id).toBe(8);
    expect(granted(table.claim(claimOf({ procedure: 'com.three' }))).id).toBe(9);
    expect(granted(table.claim(claimOf({ procedure: 'com.two', invoke: 'first' }))).id).toBe(8);
    expect(table.find('exact', 'com.two')?.callees).toHaveLength(2);
  });
});

describe('release', () => {
  it('keeps the order of the callees that stay (SHR-5)', () => {
    for (let session = 1; session <= 3; session++) table.claim(claimOf({ invoke: 'first', session }));
    expect(sessionsOf(table.release(7 as RegistrationId, N1, 2 as SessionId)!)).toEqual([1, 3]);
  });

  it('deletes the registration with its last callee (SHR-4)', () => {
    table.claim(claimOf());
    expect(table.release(7 as RegistrationId, N1, 1 as SessionId)).toMatchObject({ id: 7, callees: [] });
    expect(table.find('exact', 'com.add')).toBeUndefined();
    expect(granted(table.claim(claimOf({ invoke: 'last' }))).invoke).toBe('last');
  });

  it('changes nothing when repeated, or for a callee that is not there', () => {
    table.claim(claimOf({ invoke: 'first' }));
    table.claim(claimOf({ invoke: 'first' }));
    expect(table.release(7 as RegistrationId, N1, 1 as SessionId)).toBeDefined();
    expect(table.release(7 as RegistrationId, N1, 1 as SessionId)).toBeUndefined();
    expect(table.release(7 as RegistrationId, N2, 2 as SessionId)).toBeUndefined();
    expect(table.release(99 as RegistrationId, N1, 2 as SessionId)).toBeUndefined();
    expect(sessionsOf(table.find('exact', 'com.add')!)).toEqual([2]);
  });
});

describe('a node that goes', () => {
  it('takes its callees off every registration, and reports which changed (G5)', () => {
    table.claim(claimOf({ invoke: 'first', node: N1 }));
    table.claim(claimOf({ invoke: 'first', node: N2 }));
    table.claim(claimOf({ procedure: 'com.only', registration: 20 as RegistrationId, node: N1 }));
    table.claim(claimOf({ procedure: 'com.other', registration: 21 as RegistrationId, node: N2 }));
    const changed = table.dropNode(N1);
    expect(changed.map(({ id, callees }) => [id, callees.length])).toEqual([
      [7, 1],
      [20, 0],
    ]);
    expect(table.dropNode(N1)).toEqual([]);
    expect([...table.all].map(({ id }) => id)).toEqual([7, 21]);
  });
});

describe('a take-over by force', () => {
  const ID = 7 as RegistrationId;
  const successorsOf = ({ successors }: Registration): number[] => successors?.map(({ session }) => session) ?? [];
  const complete = (session: number, node = N1) => table.complete(ID, node, session as SessionId);

  function beingTaken(...sessions: number[]): void {
    table.claim(claimOf({ invoke: 'first', node: N2, session: 1 }));
    for (const session of sessions) table.claim(claimOf({ invoke: 'last', force: true, session }));
  }

  it('replaces everybody once it is complete, with the policy of the newcomer', () => {
    beingTaken(9);
    table.claim(claimOf({ invoke: 'first', node: N2, session: 2 }));
    const registration = complete(9)!;
    expect(registration).toMatchObject({ id: 7, invoke: 'last' });
    expect([sessionsOf(registration), successorsOf(registration)]).toEqual([[9], []]);
    expect(complete(9)).toBeUndefined();
  });

  it('leaves it to everybody when the newcomer goes', () => {
    beingTaken(9);
    const registration = table.release(ID, N1, 9 as SessionId)!;
    expect([sessionsOf(registration), successorsOf(registration)]).toEqual([[1], []]);
    expect(complete(9)).toBeUndefined();
    beingTaken(10);
    expect(table.dropNode(N1).map(sessionsOf)).toEqual([[1]]);
  });

  it('has it from the time when nobody else is left', () => {
    beingTaken(9, 10);
    const [registration] = table.dropNode(N2);
    expect(registration).toMatchObject({ id: 7, invoke: 'last' });
    expect([sessionsOf(registration!), successorsOf(registration!)]).toEqual([[9], [10]]);
    expect(complete(9)).toBeUndefined();
    expect(sessionsOf(complete(10)!)).toEqual([10]);
  });

  it('may come on top of another, which ends those before it', () => {
    beingTaken(9, 10, 11);
    expect(successorsOf(table.find('exact', 'com.add')!)).toEqual([11, 10, 9]);
    const registration = complete(10)!;
    expect([sessionsOf(registration), successorsOf(registration)]).toEqual([[10], [11]]);
  });

  it('is refused to one that is under way already, and to more than eight (DLR-4)', () => {
    beingTaken(10, 11, 12, 13, 14, 15, 16, 17);
    expect(table.claim(claimOf({ force: true, session: 17 }))).toEqual({ kind: 'taken' });
    expect(table.claim(claimOf({ force: true, session: 18 }))).toEqual({ kind: 'taken' });
  });
});
