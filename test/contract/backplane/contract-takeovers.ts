import { describe, expect, it } from 'vitest';
import type { Claim, ClaimOutcome } from '../../../src/routing/ports.js';
import type { InScene } from './describe-backplane.js';
import type { NodeUnderTest } from './node-under-test.js';
import { claimOf, freshSessionId, REALM } from './samples.js';

type Three = [NodeUnderTest, NodeUnderTest, NodeUnderTest];

/** Claims of what others hold, or are about to hold no more. */
export function takeoverContract(inScene: InScene): void {
  const claimOn = (node: NodeUnderTest, claim: Claim): Promise<ClaimOutcome> =>
    node.backplane.directory.claim(REALM, claim);
  const giveUp = (node: NodeUnderTest, { registration, callee }: Claim): Promise<void> =>
    node.backplane.directory.release(REALM, registration, callee.session);

  /** A claim that is expected to wait, and how it ended if it did not. */
  function waiting(node: NodeUnderTest, claim: Claim) {
    const state: { outcome: ClaimOutcome | undefined } = { outcome: undefined };
    const decided = claimOn(node, claim).then((outcome) => (state.outcome = outcome));
    return { claim, decided, state };
  }

  describe('a claim of what somebody holds', () => {
    it(
      'is refused at once by one that is there, whatever it may not replace',
      inScene(async ({ nodes }) => {
        const all = (await nodes(3)) as Three;
        await claimOn(all[0], claimOf(all[0].id, 'com.x', { authid: 'me' }));
        for (const node of all) {
          expect(await claimOn(node, claimOf(node.id, 'com.x'))).toEqual({ kind: 'taken' });
          expect(await claimOn(node, claimOf(node.id, 'com.x', { invoke: 'last' }))).toEqual({ kind: 'taken' });
          expect(await claimOn(node, claimOf(node.id, 'com.x', { force: 'if-free' }))).toEqual({ kind: 'protected' });
          const asAnother = { force: 'same-authid', authid: 'you' } as const;
          expect(await claimOn(node, claimOf(node.id, 'com.x', asAnother))).toEqual({ kind: 'protected' });
        }
      }),
    );

    it(
      'replaces one of the same authid wherever that is, and what nobody holds is given to any claim',
      inScene(async ({ nodes }) => {
        const all = (await nodes(3)) as Three;
        for (const node of [...all, all[0], all[0]]) {
          const claim = claimOf(node.id, 'com.x', { force: 'same-authid', authid: 'me' });
          expect(await claimOn(node, claim)).toMatchObject({
            kind: 'granted',
            registration: { callees: [claim.callee] },
          });
        }
        expect(await claimOn(all[1], claimOf(all[1].id, 'com.y', { force: 'if-free' }))).toMatchObject({
          kind: 'granted',
        });
      }),
    );

    it(
      'is granted when the holder has given it back, though nobody knows of it yet',
      inScene(async ({ nodes }) => {
        const all = (await nodes(3)) as Three;
        let held = claimOf(all[0].id, 'com.x');
        await claimOn(all[0], held);
        for (let round = 0; round < 12; round++) {
          const [from, to] = [all[round % 3]!, all[(round + 1) % 3]!];
          const claim = claimOf(to.id, 'com.x', { invoke: round % 2 === 0 ? 'first' : 'single' });
          void giveUp(from, held);
          expect(await claimOn(to, claim)).toMatchObject({
            kind: 'granted',
            registration: { callees: [claim.callee] },
          });
          held = claim;
        }
      }),
    );
  });

  describe('a claim of what a node holds that does not answer', () => {
    /** A cut-off node that holds com.x, and two others that do not know what becomes of it. */
    const inDoubt = (body: (scene: Parameters<Parameters<InScene>[0]>[0], three: Three) => Promise<void>) =>
      inScene(async (scene) => {
        const three = (await scene.nodes(3)) as Three;
        await claimOn(three[0], claimOf(three[0].id, 'com.x'));
        await scene.cluster.isolate(three[0].id);
        await body(scene, three);
      });

    it(
      'waits until that was declared dead; of several one is granted',
      inDoubt(async ({ cluster }, [holder, one, two]) => {
        const claims = [one, two, one].map((node) => waiting(node, claimOf(node.id, 'com.x')));
        await one.catchUpWith(two);
        await two.catchUpWith(one);
        expect(claims.map(({ state }) => state.outcome)).toEqual([undefined, undefined, undefined]);
        await cluster.declareDead(holder.id);
        const outcomes = await Promise.all(claims.map(({ decided }) => decided));
        expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['granted', 'taken', 'taken']);
      }),
    );

    it(
      'is refused when that is back and holds it still',
      inDoubt(async ({ cluster }, [holder, one]) => {
        const { decided } = waiting(one, claimOf(one.id, 'com.x'));
        await cluster.heal(holder.id);
        expect(await decided).toEqual({ kind: 'taken' });
      }),
    );

    it(
      'is granted when that is back and has given it up meanwhile',
      inDoubt(async ({ cluster }, [holder, one]) => {
        const { decided, claim } = waiting(one, claimOf(one.id, 'com.x'));
        const held = holder.registration(claim.registration)!.callees[0]!;
        void holder.backplane.directory.release(REALM, claim.registration, held.session);
        await cluster.heal(holder.id);
        expect(await decided).toMatchObject({ kind: 'granted' });
      }),
    );

    it(
      'is given up when its session leaves, and stands in nobody’s way',
      inDoubt(async ({ cluster }, [holder, one, two]) => {
        const leaver = waiting(one, claimOf(one.id, 'com.x'));
        const claims = [one, two].map((node) =>
          waiting(node, claimOf(node.id, 'com.x', { session: freshSessionId() })),
        );
        await one.catchUpWith(two);
        await giveUp(one, leaver.claim);
        expect(await leaver.decided).toEqual({ kind: 'taken' });
        await cluster.declareDead(holder.id);
        const outcomes = await Promise.all(claims.map(({ decided }) => decided));
        expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['granted', 'taken']);
      }),
    );

    it(
      'fails by name when its own node is cut off (G6)',
      inDoubt(async ({ cluster }, [, one]) => {
        const { decided } = waiting(one, claimOf(one.id, 'com.x'));
        await cluster.isolate(one.id);
        expect(await decided).toMatchObject({ kind: 'failed', fault: { error: 'wamp.error.network_failure' } });
      }),
    );
  });

  describe('a claim by force of what somebody holds', () => {
    /** A holder, a node that claims what it has, and a third that does not answer. */
    const inDoubt = (
      body: (scene: Parameters<Parameters<InScene>[0]>[0], three: Three, held: Claim) => Promise<void>,
    ): (() => Promise<void>) =>
      inScene(async (scene) => {
        const three = (await scene.nodes(3)) as Three;
        const held = claimOf(three[0].id, 'com.x');
        await claimOn(three[0], held);
        await scene.cluster.isolate(three[2].id);
        await body(scene, three, held);
      });
    const hasAlways = ({ registration, callee }: Claim, nodes: readonly NodeUnderTest[]): boolean =>
      nodes.every((node) =>
        node
          .all('registration')
          .filter((event) => event.registration.id === registration)
          .every((event) => event.registration.callees.some(({ session }) => session === callee.session)),
      );
    /** Resolves when the other has received all messages and questions of the one, and the one the answers. */
    const toAndFro = async (one: NodeUnderTest, other: NodeUnderTest): Promise<void> => {
      await other.catchUpWith(one);
      await one.catchUpWith(other);
    };

    it(
      'leaves it to its holder until every node knows, and takes it then',
      inDoubt(async ({ cluster }, [holder, one, lost], held) => {
        const { state, decided, claim } = waiting(one, claimOf(one.id, 'com.x', { force: true, invoke: 'last' }));
        await toAndFro(one, holder);
        expect(state.outcome).toBeUndefined();
        expect(hasAlways(held, [holder, one])).toBe(true);
        await cluster.declareDead(lost.id);
        expect(await decided).toMatchObject({ kind: 'granted', registration: { callees: [claim.callee] } });
        await holder.until(() => !hasAlways(held, [holder]));
        expect(holder.registration(held.registration)).toMatchObject({ invoke: 'last', callees: [claim.callee] });
      }),
    );

    it(
      'leaves it to its holder for good when it is given up',
      inDoubt(async ({ cluster }, [holder, one, lost], held) => {
        const { claim } = waiting(one, claimOf(one.id, 'com.x', { force: true }));
        await toAndFro(one, holder);
        await giveUp(one, claim);
        await cluster.declareDead(lost.id);
        expect(await claimOn(one, claimOf(one.id, 'com.x'))).toEqual({ kind: 'taken' });
        expect(hasAlways(held, [holder, one])).toBe(true);
      }),
    );

    it(
      'leaves it to its holder for good when its node dies (G5)',
      inDoubt(async ({ cluster }, [holder, one], held) => {
        void waiting(one, claimOf(one.id, 'com.x', { force: true }));
        await toAndFro(one, holder);
        await cluster.isolate(one.id);
        await cluster.declareDead(one.id);
        await holder.until((self) => self.all('nodeGone').length > 0);
        expect(hasAlways(held, [holder])).toBe(true);
      }),
    );

    it(
      'has it, still waiting, when its holder gives it back',
      inDoubt(async ({ cluster }, [holder, one, lost], held) => {
        const { state, decided, claim } = waiting(one, claimOf(one.id, 'com.x', { force: true, invoke: 'last' }));
        await toAndFro(one, holder);
        await giveUp(holder, held);
        await toAndFro(one, holder);
        expect(state.outcome).toBeUndefined();
        await cluster.declareDead(lost.id);
        expect(await decided).toMatchObject({ kind: 'granted' });
        expect(holder.registration(held.registration)).toMatchObject({ invoke: 'last', callees: [claim.callee] });
      }),
    );
  });
}
