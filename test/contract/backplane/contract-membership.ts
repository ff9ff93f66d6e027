import { describe, expect, it } from 'vitest';
import type { InScene } from './describe-backplane.js';
import type { NodeUnderTest } from './node-under-test.js';
import { cancelOf, claimOf, sessionOf, OTHER_REALM, publicationOf, REALM } from './samples.js';

/** Nodes that come, serve realms and go. */
export function membershipContract(inScene: InScene, nodeCount: number): void {
  describe('nodes that come', () => {
    it(
      'know every registration of the realm once serve has resolved, and no other realm',
      inScene(async ({ nodes, node }) => {
        const all = await nodes(nodeCount - 1);
        const claims = [];
        for (const one of all) {
          const claim = claimOf(one.id, 'com.shared', { invoke: 'first' });
          claims.push(claim);
          await one.backplane.directory.claim(REALM, claim);
        }
        const late = await node(OTHER_REALM);
        expect(late.all('registration')).toEqual([]);
        await late.backplane.serve(REALM);
        expect(late.registration(claims[0]!.registration)?.callees).toEqual(claims.map(({ callee }) => callee));
        await late.backplane.serve(REALM);
        expect(late.all('registration')).toHaveLength(1);
      }),
    );

    it(
      'reach anybody who was interested before they came (G2)',
      inScene(async ({ nodes, node }) => {
        const all = await nodes(nodeCount - 1);
        for (const { backplane } of all) {
          await backplane.bus.watch(REALM, 'a', 'exact');
          await backplane.bus.watch(REALM, 'b.', 'prefix');
          await backplane.bus.watch(REALM, 'c..e', 'wildcard');
          await backplane.bus.watch(REALM, 'gone', 'exact');
          backplane.bus.unwatch(REALM, 'gone', 'exact');
        }
        const late = await node();
        for (const topic of ['a', 'b.x', 'c.d.e', 'gone'])
          await late.backplane.bus.publish(REALM, publicationOf(topic));
        for (const one of all) {
          await one.catchUpWith(late);
          expect(one.topics()).toEqual(['a', 'b.x', 'c.d.e']);
        }
      }),
    );

    it(
      'receive everything of a realm they serve again after they withdrew from it',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const [one, two] = all as [NodeUnderTest, NodeUnderTest];
        const claim = claimOf(one.id, 'com.x');
        await two.backplane.withdraw(REALM);
        await one.backplane.directory.claim(REALM, claim);
        expect(two.registration(claim.registration)).toBeUndefined();
        await two.backplane.serve(REALM);
        expect(two.registration(claim.registration)?.callees).toEqual([claim.callee]);
      }),
    );
  });

  describe('nodes that stop serving a realm', () => {
    it(
      'take their interest, sessions and callees with them, and learn of no publication any more',
      inScene(async ({ node, nodes }) => {
        const others = await nodes(nodeCount - 1);
        const one = await node(REALM, OTHER_REALM);
        const [two] = others as [NodeUnderTest];
        const identity = sessionOf();
        const claim = claimOf(one.id, 'com.x');
        await one.backplane.directory.join(REALM, identity);
        await one.backplane.directory.claim(REALM, claim);
        await one.backplane.bus.watch(REALM, 'a', 'exact');
        await one.backplane.withdraw(REALM);
        await one.backplane.withdraw(REALM);
        for (const other of others)
          await other.until((self) => self.registration(claim.registration)?.callees.length === 0);
        expect(await two.backplane.directory.join(REALM, identity)).toBe(true);
        // The claim comes after the withdrawal: a node that has received it knows that nobody wants the topic.
        await two.backplane.directory.claim(REALM, claimOf(two.id, 'com.fence'));
        await two.backplane.bus.publish(REALM, publicationOf('a'));
        await one.backplane.bus.watch(OTHER_REALM, 'fence', 'exact');
        const receivedBy = (self: NodeUnderTest): number => self.all('frame').length;
        two.backplane.bus.send(one.id, OTHER_REALM, cancelOf(two.id));
        await one.until((self) => receivedBy(self) > 0);
        expect(one.all('publication')).toEqual([]);
        expect(one.all('nodeGone')).toEqual([]);
        expect(two.all('nodeGone')).toEqual([]);
      }),
    );

    it(
      'still receive frames of it, because anybody who waits for an answer is to get one (G3)',
      inScene(async ({ node, nodes }) => {
        const [two] = (await nodes(1)) as [NodeUnderTest];
        const one = await node(REALM, OTHER_REALM);
        await one.backplane.withdraw(REALM);
        const late = cancelOf(two.id);
        two.backplane.bus.send(one.id, REALM, late);
        await one.until((self) => self.all('frame').length > 0);
        expect(one.all('frame')).toEqual([{ what: 'frame', from: two.id, realm: REALM, frame: late }]);
      }),
    );
  });

  describe('nodes that leave', () => {
    it(
      'are received completely first: everything they sent comes, then nodeGone, once',
      inScene(async ({ nodes }) => {
        const [leaver, ...others] = (await nodes(nodeCount)) as [NodeUnderTest, ...NodeUnderTest[]];
        for (const { backplane } of others) await backplane.bus.watch(REALM, 'a', 'exact');
        const publicationCount = 20;
        for (let step = 0; step < publicationCount; step++)
          void leaver.backplane.bus.publish(REALM, publicationOf('a'));
        await leaver.backplane.stop();
        for (const other of others) {
          await other.until((self) => self.all('nodeGone').length > 0);
          expect(other.topics()).toHaveLength(publicationCount);
          expect(other.events.at(-1)).toEqual({ what: 'nodeGone', node: leaver.id });
        }
      }),
    );

    it(
      'leave nothing behind: no registration, interest, session or row (G5)',
      inScene(async ({ nodes, cluster }) => {
        const [leaver, ...others] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        const traces = await leaveTraces(leaver, others);
        await leaver.backplane.stop();
        await leaver.backplane.stop();
        await expectGone(leaver, others, traces);
        expect(await cluster.rowCount(leaver.id)).toBe(0);
      }),
    );

    it(
      'are never waited for by those who stay',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const [leaver, stayer] = all as [NodeUnderTest, NodeUnderTest];
        const watching = stayer.backplane.bus.watch(REALM, 'a', 'exact');
        const claiming = stayer.backplane.directory.claim(REALM, claimOf(stayer.id, 'com.x'));
        await leaver.backplane.stop();
        await watching;
        expect(await claiming).toMatchObject({ kind: 'granted' });
      }),
    );
  });

  describe('nodes that die', () => {
    it(
      'leave nothing behind, and every other node is notified of it once, after their rows are gone (G5)',
      inScene(async ({ nodes, cluster }) => {
        const [dead, ...others] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        const traces = await leaveTraces(dead, others);
        await cluster.kill(dead.id);
        await expectGone(dead, others, traces);
        expect(await cluster.rowCount(dead.id)).toBe(0);
      }),
    );

    it(
      'have each session handed to one other node, before nodeGone is reported (G5)',
      inScene(async ({ nodes, cluster }) => {
        const [dead, ...others] = (await nodes(nodeCount)) as [NodeUnderTest, ...NodeUnderTest[]];
        const joined = Array.from({ length: 40 }, () => sessionOf());
        const [left, ...stayed] = joined as [(typeof joined)[0], ...typeof joined];
        await Promise.all(joined.map(async (details) => dead.backplane.directory.join(REALM, details)));
        dead.backplane.directory.leave(REALM, left.session);
        await dead.backplane.directory.claim(REALM, claimOf(dead.id, 'com.fence'));
        await cluster.kill(dead.id);
        for (const other of others) await other.until((self) => self.all('nodeGone').length > 0);
        const lost = others.flatMap((other) => other.all('sessionsLost').flatMap(({ sessions }) => sessions));
        expect(lost.sort((a, b) => a.session - b.session)).toEqual(
          stayed
            .map((details) => ({
              ...details,
              realm: REALM,
              node: dead.id,
              joinedAtMs: expect.any(Number) as number,
            }))
            .sort((a, b) => a.session - b.session),
        );
        for (const other of others) {
          const kinds = other.events.map(({ what }) => what);
          expect(kinds.lastIndexOf('sessionsLost')).toBeLessThan(kinds.indexOf('nodeGone'));
          expect(await other.backplane.directory.sessions.count(REALM)).toBe(0);
        }
      }),
    );

    it(
      'are not waited for any more: anybody who waited for them goes on (G2)',
      inScene(async ({ nodes, cluster }) => {
        const all = await nodes(nodeCount);
        const [dead, ...others] = all as [NodeUnderTest, ...NodeUnderTest[]];
        const waiting = others.map(async ({ id, backplane }) => {
          const watching = backplane.bus.watch(REALM, 'a', 'exact');
          await backplane.directory.claim(REALM, claimOf(id, `com.${id}`));
          await watching;
        });
        await cluster.kill(dead.id);
        await Promise.all(waiting);
        for (const other of others) expect(other.all('registration')).toHaveLength(others.length);
      }),
    );

    it(
      'are ignored from then on, and what is sent to them is skipped',
      inScene(async ({ nodes, cluster }) => {
        const [dead, ...others] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        for (const { backplane } of others) await backplane.bus.watch(REALM, '', 'prefix');
        await cluster.kill(dead.id);
        const [observer] = others;
        await observer.until((self) => self.all('nodeGone').length > 0);
        const eventCount = observer.events.length;
        dead.backplane.bus.send(observer.id, REALM, cancelOf(dead.id));
        await Promise.resolve(dead.backplane.bus.publish(REALM, publicationOf('late'))).catch(() => undefined);
        observer.backplane.bus.send(dead.id, REALM, cancelOf(observer.id));
        await observer.backplane.bus.publish(REALM, publicationOf('to.others'));
        await observer.backplane.directory.claim(REALM, claimOf(observer.id, 'com.fence'));
        const since = observer.events.slice(eventCount).map(({ what }) => what);
        expect(since).toEqual(['registration']);
      }),
    );
  });
}

interface Traces {
  readonly alone: ReturnType<typeof claimOf>;
  readonly shared: ReturnType<typeof claimOf>;
  readonly survivor: ReturnType<typeof claimOf>;
  readonly identity: ReturnType<typeof sessionOf>;
}

/** A registration of its own, one shared with a node that stays, a session and an interest. */
async function leaveTraces(leaver: NodeUnderTest, [stayer]: readonly NodeUnderTest[]): Promise<Traces> {
  const traces = {
    alone: claimOf(leaver.id, 'com.alone'),
    shared: claimOf(leaver.id, 'com.shared', { invoke: 'first' }),
    survivor: claimOf(stayer!.id, 'com.shared', { invoke: 'first' }),
    identity: sessionOf(),
  };
  await leaver.backplane.directory.claim(REALM, traces.alone);
  await leaver.backplane.directory.claim(REALM, traces.shared);
  await stayer!.backplane.directory.claim(REALM, traces.survivor);
  await leaver.backplane.directory.join(REALM, traces.identity);
  await leaver.backplane.bus.watch(REALM, 'a', 'exact');
  return traces;
}

async function expectGone(leaver: NodeUnderTest, others: readonly NodeUnderTest[], traces: Traces): Promise<void> {
  for (const other of others) {
    await other.until((self) => self.all('nodeGone').length > 0);
    expect(other.registration(traces.alone.registration)?.callees).toEqual([]);
    expect(other.registration(traces.shared.registration)?.callees).toEqual([traces.survivor.callee]);
  }
  const [stayer] = others as [NodeUnderTest];
  await stayer.backplane.bus.publish(REALM, publicationOf('a'));
  expect(await stayer.backplane.directory.join(REALM, traces.identity)).toBe(true);
  const again = claimOf(stayer.id, 'com.alone');
  expect(await stayer.backplane.directory.claim(REALM, again)).toMatchObject({ kind: 'granted' });
  for (const other of others) {
    expect(other.registration(again.registration)?.callees).toEqual([again.callee]);
    expect(other.all('nodeGone')).toEqual([{ what: 'nodeGone', node: leaver.id }]);
    expect(endCount(other, traces)).toBe(1);
  }
}

/** How often the node was notified that the leaver's own registration has ended. */
function endCount(node: NodeUnderTest, traces: Traces): number {
  return node
    .all('registration')
    .filter(({ registration: { id, callees } }) => id === traces.alone.registration && callees.length === 0).length;
}
