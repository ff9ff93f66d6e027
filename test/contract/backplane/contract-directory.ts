import { describe, expect, it } from 'vitest';
import type { Callee, Claim, ClaimOutcome } from '../../../src/routing/ports.js';
import type { RegistrationId, SessionId } from '../../../src/wamp/ids.js';
import type { InScene } from './describe-backplane.js';
import type { NodeUnderTest } from './node-under-test.js';
import { claimOf, freshSessionId, sessionOf, OTHER_REALM, REALM } from './samples.js';

/** What the nodes must agree on: who may register what, and who is called what. */
export function directoryContract(inScene: InScene, nodeCount: number): void {
  describe('claims', () => {
    it(
      'notifies every node that serves the realm before the claim resolves (G2)',
      inScene(async ({ node, nodes }) => {
        const all = await nodes(nodeCount);
        const outside = await node(OTHER_REALM);
        for (const claimant of all) {
          const claim = claimOf(claimant.id, `com.${claimant.id}`);
          expect(await claimOn(claimant, claim)).toMatchObject({ kind: 'granted' });
          for (const { receiver, registration } of all.map((one) => ({
            receiver: one.id,
            registration: one.registration(claim.registration),
          })))
            expect({ receiver, registration }).toMatchObject({
              registration: {
                id: claim.registration,
                procedure: claim.procedure,
                match: 'exact',
                invoke: 'single',
                callees: [claim.callee],
              },
            });
        }
        expect(outside.all('registration')).toEqual([]);
      }),
    );

    it(
      'gives a registration one time of creation, the same on every node while it lives (RMA)',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const [first, second] = all as [NodeUnderTest, NodeUnderTest];
        const before = Date.now();
        const claims = [first, second].map(({ id }) => claimOf(id, 'com.shared', { invoke: 'first' }));
        await claimOn(first, claims[0]!);
        const { createdMs } = first.registration(claims[0]!.registration)!;
        expect(createdMs).toBeGreaterThanOrEqual(before - 60_000);
        expect(createdMs).toBeLessThan(Date.now() + 60_000);
        await new Promise((resolve) => setTimeout(resolve, 5));
        await claimOn(second, claims[1]!);
        await first.backplane.directory.release(REALM, claims[0]!.registration, claims[0]!.callee.session);
        const isAlone = (node: NodeUnderTest): boolean =>
          node.registration(claims[0]!.registration)?.callees.length === 1;
        for (const node of all) await node.until(isAlone);
        expect(all.map((node) => node.registration(claims[0]!.registration)?.createdMs)).toEqual(
          all.map(() => createdMs),
        );
      }),
    );

    it(
      'brings a callee over with all that is known of it',
      inScene(async ({ nodes }) => {
        const [claimant, other] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        const callee: Callee = {
          node: claimant.id,
          session: (2 ** 53 - 1) as never,
          concurrency: 3,
          discloseCaller: true,
          forwardTimeout: true,
        };
        const claim = claimOf(claimant.id, 'com..x', { match: 'wildcard', invoke: 'random', callee });
        await claimOn(claimant, claim);
        expect(other.registration(claim.registration)).toEqual({
          id: claim.registration,
          procedure: 'com..x',
          match: 'wildcard',
          invoke: 'random',
          createdMs: claimant.registration(claim.registration)?.createdMs,
          callees: [callee],
        });
      }),
    );

    it(
      'gives a single procedure to one of all that claim it at once (SHR-2)',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const outcomes = await Promise.all(all.map((one) => claimOn(one, claimOf(one.id, 'com.one'))));
        const kinds = outcomes.map(({ kind }) => kind).sort();
        expect(kinds).toEqual(['granted', ...Array<string>(nodeCount - 1).fill('taken')]);
      }),
    );

    it(
      'lets exactly one policy win when two are claimed at once (SHR-1, SHR-6)',
      inScene(async ({ nodes }) => {
        const [one, two] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        const outcomes = await Promise.all([
          claimOn(one, claimOf(one.id, 'com.shared', { invoke: 'first' })),
          claimOn(two, claimOf(two.id, 'com.shared', { invoke: 'last' })),
        ]);
        const granted = outcomes.find((outcome) => outcome.kind === 'granted');
        const refused = outcomes.find((outcome) => outcome.kind === 'policy-conflict');
        expect(refused?.invoke).toBe(granted?.registration.invoke);
      }),
    );

    it(
      'lists the callees in the order of their registration, the same on every node (SHR-3)',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const claims: Claim[] = [];
        for (let round = 0; round < 2; round++)
          for (const one of all) {
            const claim = claimOf(one.id, 'com.shared', { invoke: 'roundrobin' });
            claims.push(claim);
            await claimOn(one, claim);
          }
        const wanted = claims.map(({ callee }) => callee.session);
        for (const one of all) expect(sessionsOf(one, claims[0]!.registration)).toEqual(wanted);
      }),
    );

    it(
      'ends in the same order of callees on every node when all claim at once (SHR-6)',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const claims = all.flatMap((one) =>
          [1, 2, 3].map(() => ({ one, claim: claimOf(one.id, 'com.s', { invoke: 'last' }) })),
        );
        await Promise.all(claims.map(({ one, claim }) => claimOn(one, claim)));
        const id = claims[0]!.claim.registration;
        const orders = all.map((one) => sessionsOf(one, id));
        expect(orders[0]).toHaveLength(claims.length);
        for (const order of orders) expect(order).toEqual(orders[0]);
      }),
    );

    it(
      'refuses a session that already is a callee, also by force (DLR-4)',
      inScene(async ({ nodes }) => {
        const [one] = (await nodes(nodeCount)) as [NodeUnderTest];
        const session = freshSessionId();
        await claimOn(one, claimOf(one.id, 'com.shared', { invoke: 'first', session }));
        expect(await claimOn(one, claimOf(one.id, 'com.shared', { invoke: 'first', session }))).toEqual({
          kind: 'taken',
        });
        expect(await claimOn(one, claimOf(one.id, 'com.shared', { invoke: 'first', session, force: true }))).toEqual({
          kind: 'taken',
        });
      }),
    );

    it(
      'replaces everybody by force, and every node sees it',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const [one, two] = all as [NodeUnderTest, NodeUnderTest];
        const before = claimOf(one.id, 'com.forced');
        await claimOn(one, before);
        expect(await claimOn(two, claimOf(two.id, 'com.forced'))).toEqual({ kind: 'taken' });
        const forced = claimOf(two.id, 'com.forced', { invoke: 'last', force: true });
        expect(await claimOn(two, forced)).toMatchObject({
          kind: 'granted',
          registration: { callees: [forced.callee] },
        });
        for (const node of all) {
          await node.until(() => node.registration(before.registration)?.invoke === 'last');
          expect(node.registration(before.registration)).toMatchObject({ callees: [forced.callee] });
        }
      }),
    );

    it(
      'keeps match policies and realms apart (PBR-1)',
      inScene(async ({ node }) => {
        const one = await node(REALM, OTHER_REALM);
        const two = await node(REALM, OTHER_REALM);
        expect(await claimOn(one, claimOf(one.id, 'com.x'))).toMatchObject({ kind: 'granted' });
        expect(await claimOn(two, claimOf(two.id, 'com.x', { match: 'prefix' }))).toMatchObject({ kind: 'granted' });
        const elsewhere = await two.backplane.directory.claim(OTHER_REALM, claimOf(two.id, 'com.x'));
        expect(elsewhere).toMatchObject({ kind: 'granted' });
        expect(await claimOn(two, claimOf(two.id, 'com.x'))).toEqual({ kind: 'taken' });
      }),
    );

    it(
      'gives a procedure another id when its own belongs to another procedure, the same for all its callees (ID-3)',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const [one, two] = all as [NodeUnderTest, NodeUnderTest];
        const squatter = claimOf(one.id, 'com.squatter');
        await claimOn(one, squatter);
        const collides = { registration: squatter.registration, invoke: 'first' } as const;
        const first = await claimOn(two, claimOf(two.id, 'com.rightful', collides));
        const second = await claimOn(one, claimOf(one.id, 'com.rightful', collides));
        const ids = [first, second].map((outcome) => outcome.kind === 'granted' && outcome.registration.id);
        expect(ids[0]).toBe(ids[1]);
        expect(ids[0]).not.toBe(squatter.registration);
        for (const node of all) {
          expect(node.registration(squatter.registration)?.procedure).toBe('com.squatter');
          expect(sessionsOf(node, ids[0] as RegistrationId)).toHaveLength(2);
        }
      }),
    );

    it(
      'gives the states of one registration in order, never an older one after a newer one',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const made = all.flatMap((one) =>
          [1, 2, 3, 4].map(() => ({ one, claim: claimOf(one.id, 'com.s', { invoke: 'first' }) })),
        );
        await Promise.all(made.map(({ one, claim }) => claimOn(one, claim)));
        const [observer, ...rest] = all as [NodeUnderTest, ...NodeUnderTest[]];
        const states = statesOf(observer);
        expect(states.map((callees) => callees.length)).toEqual(made.map((_, index) => index + 1));
        for (const other of rest) expect(statesOf(other)).toEqual(states);
      }),
    );
  });

  describe('release', () => {
    it(
      'takes one callee off on every node, keeps the order of the others, and may be repeated',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const claims = [];
        for (const one of all) {
          const claim = claimOf(one.id, 'com.shared', { invoke: 'first' });
          claims.push(claim);
          await claimOn(one, claim);
        }
        const [first, ...left] = claims.map(({ callee }) => callee.session) as [never, ...never[]];
        const id = claims[0]!.registration;
        await all[0]!.backplane.directory.release(REALM, id, first);
        await all[0]!.backplane.directory.release(REALM, id, first);
        // Somebody else's callee is not this node's to release.
        await all[0]!.backplane.directory.release(REALM, id, left[0]!);
        await claimOn(all[0]!, claimOf(all[0]!.id, 'com.fence'));
        for (const one of all) expect(sessionsOf(one, id)).toEqual(left);
      }),
    );

    it(
      'ends the registration with its last callee, after which it is free again (SHR-4)',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const [one, two] = all as [NodeUnderTest, NodeUnderTest];
        const claim = claimOf(one.id, 'com.x');
        await claimOn(one, claim);
        await one.backplane.directory.release(REALM, claim.registration, claim.callee.session);
        await two.until((node) => node.registration(claim.registration)?.callees.length === 0);
        const again = claimOf(two.id, 'com.x', { invoke: 'random' });
        expect(await claimOn(two, again)).toMatchObject({ kind: 'granted' });
        for (const node of all)
          expect(node.registration(claim.registration)).toMatchObject({ invoke: 'random', callees: [again.callee] });
      }),
    );
  });

  describe('sessions', () => {
    it(
      'take an id once in the cluster, whatever the node and the realm (SES-2)',
      inScene(async ({ node }) => {
        const one = await node(REALM, OTHER_REALM);
        const two = await node(REALM, OTHER_REALM);
        const identity = sessionOf();
        expect(await one.backplane.directory.join(REALM, identity)).toBe(true);
        expect(await two.backplane.directory.join(REALM, identity)).toBe(false);
        expect(await two.backplane.directory.join(OTHER_REALM, identity)).toBe(false);
      }),
    );

    it(
      'give their id back when they leave, and only their own node can do that',
      inScene(async ({ nodes }) => {
        const [one, two] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        const identity = sessionOf();
        await one.backplane.directory.join(REALM, identity);
        two.backplane.directory.leave(REALM, identity.session);
        expect(await two.backplane.directory.join(REALM, identity)).toBe(false);
        one.backplane.directory.leave(REALM, identity.session);
        // What one node writes is written in order: the next claim of the same node comes after it.
        await claimOn(one, claimOf(one.id, 'com.fence'));
        expect(await two.backplane.directory.join(REALM, identity)).toBe(true);
      }),
    );

    it(
      'are known to every node, with all that they joined with',
      inScene(async ({ nodes }) => {
        const [one, two] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        // -0 and large integers are extensions of MessagePack, which scripts cannot read.
        const authextra = { name: 'Ann', minusZero: -0, large: [2n ** 70n, { bytes: new Uint8Array([0, 255]) }] };
        const details = { ...sessionOf(), authextra };
        const before = Date.now();
        await one.backplane.directory.join(REALM, details);
        const row = await two.backplane.directory.sessions.get(REALM, details.session);
        expect(row).toEqual({ ...details, realm: REALM, node: one.id, joinedAtMs: expect.any(Number) as number });
        expect(row!.joinedAtMs).toBeGreaterThanOrEqual(before);
        expect(row!.joinedAtMs).toBeLessThanOrEqual(Date.now());
        expect(await two.backplane.directory.sessions.count(REALM, [details.authrole])).toBe(1);
        expect(await two.backplane.directory.sessions.get(OTHER_REALM, details.session)).toBeUndefined();
        expect(await two.backplane.directory.sessions.get(REALM, freshSessionId())).toBeUndefined();
      }),
    );

    it(
      'are listed and counted by realm and role, on whichever node they are',
      inScene(async ({ node }) => {
        const all: NodeUnderTest[] = [];
        while (all.length < nodeCount) all.push(await node(REALM, OTHER_REALM));
        const joined = Array.from({ length: 60 }, (_, at) =>
          sessionOf(freshSessionId(), at % 3 === 0 ? 'admin' : 'user'),
        );
        const elsewhere = sessionOf();
        await all[0]!.backplane.directory.join(OTHER_REALM, elsewhere);
        await Promise.all(
          joined.map(async (details, at) => all[at % nodeCount]!.backplane.directory.join(REALM, details)),
        );
        const admins = joined.filter(({ authrole }) => authrole === 'admin');
        const { sessions } = all.at(-1)!.backplane.directory;
        expect(await idsOf(sessions.list(REALM))).toEqual(idsIn(joined));
        expect(await idsOf(sessions.list(REALM, ['admin', 'nobody']))).toEqual(idsIn(admins));
        expect(await idsOf(sessions.list(REALM, []))).toEqual([]);
        expect(await idsOf(sessions.list(OTHER_REALM))).toEqual([elsewhere.session]);
        expect(await idsOf(sessions.list('realm.none'))).toEqual([]);
        const counts = [undefined, ['admin'], ['admin', 'user', 'user'], ['nobody'], []];
        expect(await Promise.all(counts.map((roles) => sessions.count(REALM, roles)))).toEqual([60, 20, 60, 0, 0]);

        for (const [at, { session }] of joined.entries())
          if (at % 2 === 0) all[at % nodeCount]!.backplane.directory.leave(REALM, session);
        // What one node writes is written in order.
        for (const one of all) await claimOn(one, claimOf(one.id, `com.fence.${one.id}`));
        const stayed = joined.filter((_, at) => at % 2 === 1);
        expect(await idsOf(sessions.list(REALM))).toEqual(idsIn(stayed));
        expect(await sessions.count(REALM)).toBe(30);
        expect(await sessions.count(REALM, ['admin'])).toBe(10);
      }),
    );

    it(
      'get each of many ids drawn at once on one node only (SES-2)',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const identities = Array.from({ length: 20 }, () => sessionOf());
        const joins = await Promise.all(
          identities.map((identity) =>
            Promise.all(all.map(async ({ backplane }) => backplane.directory.join(REALM, identity))),
          ),
        );
        for (const answers of joins) expect(answers.filter(Boolean)).toHaveLength(1);
      }),
    );
  });
}

function idsIn(sessions: readonly { readonly session: SessionId }[]): SessionId[] {
  return sessions.map(({ session }) => session).sort((one, other) => one - other);
}

async function idsOf(parts: AsyncIterable<readonly { readonly session: SessionId }[]>): Promise<SessionId[]> {
  const all: { readonly session: SessionId }[] = [];
  for await (const part of parts) all.push(...part);
  return idsIn(all);
}

function claimOn(node: NodeUnderTest, claim: Claim): Promise<ClaimOutcome> {
  return node.backplane.directory.claim(REALM, claim);
}

function sessionsOf(node: NodeUnderTest, id: RegistrationId): number[] | undefined {
  return node.registration(id)?.callees.map(({ session }) => session);
}

/** The callees of every registration state that the node received, in the order of arrival. */
function statesOf(node: NodeUnderTest): number[][] {
  return node.all('registration').map(({ registration }) => registration.callees.map(({ session }) => session));
}
