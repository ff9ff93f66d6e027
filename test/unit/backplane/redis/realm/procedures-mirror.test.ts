import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ProceduresMirror } from '../../../../../src/backplane/redis/realm/procedures-mirror.js';
import { toMember, type Member, type ProcedureRow } from '../../../../../src/backplane/redis/realm/rows.js';
import type { Registration } from '../../../../../src/routing/ports.js';
import { allCallees } from '../../../../../src/routing/successors.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../../../../src/wamp/ids.js';

const MEMBERS = ['a', 'b', 'c', 'd'].map((uri) => toMember('exact', uri));
const IDS = [1, 2, 3, 4, 5] as RegistrationId[];
const NODES = ['n1', 'n2', 'n3'] as NodeId[];
const GONE = 'n3' as NodeId;

const placed = fc.record({
  callee: fc.record({
    node: fc.constantFrom(...NODES),
    session: fc.constantFrom(...([1, 2, 3] as SessionId[])),
    discloseCaller: fc.boolean(),
    forwardTimeout: fc.constant(false),
  }),
  order: fc.integer({ min: 1, max: 5 }),
});
const takingOver = fc.record({ ...placedFields(), takesOver: fc.constantFrom('single', 'roundrobin' as const) });
const row: fc.Arbitrary<ProcedureRow> = fc.record({
  // Also one id for two procedures, as a forged row may have it.
  id: fc.constantFrom(...IDS),
  invoke: fc.constantFrom('single' as const, 'roundrobin' as const),
  createdMs: fc.constantFrom(1, 2),
  callees: fc.uniqueArray(fc.oneof({ weight: 3, arbitrary: placed }, takingOver), {
    selector: ({ callee }) => callee.session,
    maxLength: 3,
  }),
});
const rows = fc.uniqueArray(fc.tuple(fc.constantFrom(...MEMBERS), row), { selector: ([member]) => member });

it('after any load the mirror has what one without a past would have, and announced what differs, each once', () => {
  const isWanted = (_: Member, { node }: { readonly node: NodeId }): boolean => node !== GONE;
  fc.assert(
    fc.property(fc.array(rows, { minLength: 1, maxLength: 4 }), (snapshots) => {
      const known = new Map<Uri, Registration>();
      const announced: Uri[] = [];
      const removed: string[] = [];
      const mirror = new ProceduresMirror({
        changed: (registration) => {
          announced.push(registration.procedure);
          if (registration.callees.length > 0) known.set(registration.procedure, registration);
          else known.delete(registration.procedure);
        },
        removed: (member, { session }) => removed.push(`${session} ${member}`),
        isKept: () => false,
      });
      for (const snapshot of snapshots) {
        const before = new Map(known);
        announced.length = removed.length = 0;
        mirror.beginLoad(new Map(snapshot), isWanted);
        mirror.endLoad();
        const fresh = freshMirror(new Map(snapshot), isWanted);
        for (const member of MEMBERS) expect(mirror.get(member)).toEqual(fresh.get(member));
        for (const id of IDS) expect(mirror.memberOf(id)).toBe(fresh.memberOf(id));
        expect(placementsOf(mirror)).toEqual(placementsOf(fresh));
        expect(mirror.size).toBe(fresh.size);
        const uris = MEMBERS.map((member) => member.slice('exact '.length));
        for (const uri of uris) expect(known.get(uri)).toEqual(fresh.get(toMember('exact', uri)));
        const different = uris.filter((uri) => !isEqual(before.get(uri), known.get(uri)));
        expect(announced.toSorted()).toEqual(different.toSorted());
        const lost = uris.flatMap((uri) => {
          const now = new Set(sessionsOf(known.get(uri)));
          return sessionsOf(before.get(uri))
            .filter((session) => !now.has(session))
            .map((session) => `${session} exact ${uri}`);
        });
        expect(removed.toSorted()).toEqual(lost.toSorted());
      }
    }),
    { numRuns: 500 },
  );
});

it('a callee from before a load is visited once, with the row that it had, whether the load has changed that or not', () => {
  const isWanted = (): boolean => true;
  fc.assert(
    fc.property(rows, rows, (first, second) => {
      const mirror = freshMirror(new Map(first), isWanted);
      const before = placementsOf(mirror);
      mirror.beginLoad(new Map(second), isWanted);
      const visited: unknown[] = [];
      mirror.forEachBefore(isWanted, (placement) => visited.push(placement));
      expect(sorted(visited)).toEqual(before);
    }),
  );
});

function placedFields() {
  return {
    callee: fc.record({
      node: fc.constantFrom(...NODES),
      session: fc.constantFrom(...([4, 5] as SessionId[])),
      discloseCaller: fc.constant(false),
      forwardTimeout: fc.constant(false),
    }),
    order: fc.integer({ min: 6, max: 9 }),
  };
}

function freshMirror(
  snapshot: ReadonlyMap<Member, ProcedureRow>,
  isWanted: (member: Member, callee: { readonly node: NodeId }) => boolean,
): ProceduresMirror {
  const mirror = new ProceduresMirror({ changed: () => undefined, removed: () => undefined, isKept: () => false });
  mirror.beginLoad(snapshot, isWanted);
  mirror.endLoad();
  return mirror;
}

function placementsOf(mirror: ProceduresMirror): unknown[] {
  const placements: unknown[] = [];
  mirror.forEach((placement) => placements.push(placement));
  return sorted(placements);
}

function sorted(values: readonly unknown[]): unknown[] {
  return values.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
}

function sessionsOf(registration: Registration | undefined): readonly SessionId[] {
  return registration === undefined ? [] : allCallees(registration).map(({ session }) => session);
}

function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
