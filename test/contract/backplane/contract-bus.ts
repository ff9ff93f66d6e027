import { describe, expect, it } from 'vitest';
import type { SessionId, Uri } from '../../../src/wamp/ids.js';
import type { MatchPolicy } from '../../../src/wamp/options.js';
import type { InScene } from './describe-backplane.js';
import type { NodeUnderTest } from './node-under-test.js';
import { transferred, cancelOf, claimOf, framesOf, OTHER_REALM, publicationOf, REALM } from './samples.js';

/** Publications and frames between nodes. */
export function busContract(inScene: InScene, nodeCount: number): void {
  describe('bus', () => {
    it(
      'brings every publication made anywhere after watch has resolved (G2)',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        for (const subscriber of all) {
          const topic = `to.${subscriber.id}`;
          await subscriber.backplane.bus.watch(REALM, topic, 'exact');
          for (const publisher of all) await publisher.backplane.bus.publish(REALM, publicationOf(topic));
          await catchUpWithAll(subscriber, all);
          expect(subscriber.topics()).toEqual(Array<string>(nodeCount - 1).fill(topic));
        }
      }),
    );

    it(
      'knows which topics another node wants, not which it wants itself',
      inScene(async ({ nodes }) => {
        const [wanting, other] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        const isWanted = (node: NodeUnderTest): boolean[] =>
          ['a.b', 'p.q', 'w.x.z', 'a'].map((topic) => node.backplane.bus.isWanted(REALM, topic));
        expect(isWanted(other)).toEqual([false, false, false, false]);
        await wanting.backplane.bus.watch(REALM, 'a.b', 'exact');
        expect(isWanted(other)).toEqual([true, false, false, false]);
        await wanting.backplane.bus.watch(REALM, 'p.', 'prefix');
        await wanting.backplane.bus.watch(REALM, 'w..z', 'wildcard');
        expect(isWanted(other)).toEqual([true, true, true, false]);
        expect(isWanted(wanting)).toEqual([false, false, false, false]);
        expect(other.backplane.bus.isWanted(OTHER_REALM, 'a.b')).toBe(false);
      }),
    );

    it(
      'makes a second watch of one topic wait as long as the first (G2)',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const [subscriber, publisher] = all as [NodeUnderTest, NodeUnderTest];
        const first = subscriber.backplane.bus.watch(REALM, 'a', 'exact');
        const second = subscriber.backplane.bus.watch(REALM, 'a', 'exact');
        await second;
        await publisher.backplane.bus.publish(REALM, publicationOf('a'));
        await first;
        await subscriber.catchUpWith(publisher);
        expect(subscriber.topics()).toEqual(['a']);
      }),
    );

    it(
      'brings a publication as it was published, to each interested node once (BRK-8)',
      inScene(async ({ nodes }) => {
        const [publisher, ...others] = (await nodes(nodeCount)) as [NodeUnderTest, ...NodeUnderTest[]];
        for (const { backplane } of others) {
          await backplane.bus.watch(REALM, 'a.b', 'exact');
          await backplane.bus.watch(REALM, 'a', 'prefix');
          await backplane.bus.watch(REALM, 'a.', 'wildcard');
        }
        const publication = publicationOf('a.b', {
          passthru: { form: 'ppt', details: { ppt_scheme: 'x_custom' } },
          trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
          excludePublisher: false,
          disclosePublisher: true,
          audience: { eligible: new Set([1 as SessionId, (2 ** 53) as SessionId]), excludeAuthrole: new Set<string>() },
        });
        await publisher.backplane.bus.publish(REALM, publication);
        for (const subscriber of others) {
          await subscriber.catchUpWith(publisher);
          const [received, ...more] = subscriber.all('publication');
          expect(received).toMatchObject({ from: publisher.id, realm: REALM });
          expect(transferred(received?.publication)).toEqual(transferred(publication));
          expect(more).toEqual([]);
        }
      }),
    );

    it(
      'brings nothing that was not asked for: other topics, other realms, other nodes (G9)',
      inScene(async ({ node, nodes }) => {
        const all = await nodes(nodeCount - 1);
        const publisher = await node(REALM, OTHER_REALM);
        const [subscriber, ...rest] = all as [NodeUnderTest, ...NodeUnderTest[]];
        await subscriber.backplane.bus.watch(REALM, 'a.b', 'exact');
        await subscriber.backplane.bus.watch(REALM, 'p.', 'prefix');
        await subscriber.backplane.bus.watch(REALM, 'w..z', 'wildcard');
        for (const topic of ['a', 'a.b.c', 'p', 'w.z', 'w.x.y', 'a.b', 'p.q', 'w.x.z'])
          await publisher.backplane.bus.publish(REALM, publicationOf(topic));
        await publisher.backplane.bus.publish(OTHER_REALM, publicationOf('a.b'));
        await subscriber.catchUpWith(publisher);
        expect(subscriber.topics()).toEqual(['a.b', 'p.q', 'w.x.z']);
        expect(subscriber.topics(OTHER_REALM)).toEqual([]);
        for (const other of rest) {
          await other.catchUpWith(publisher);
          expect(other.all('publication')).toEqual([]);
        }
      }),
    );

    it(
      'keeps the same topic of two realms apart',
      inScene(async ({ node }) => {
        const publisher = await node(REALM, OTHER_REALM);
        const subscriber = await node(REALM, OTHER_REALM);
        await subscriber.backplane.bus.watch(OTHER_REALM, 'a', 'exact');
        await publisher.backplane.bus.publish(REALM, publicationOf('a'));
        await publisher.backplane.bus.publish(OTHER_REALM, publicationOf('a'));
        await subscriber.catchUpWith(publisher);
        expect([subscriber.topics(REALM), subscriber.topics(OTHER_REALM)]).toEqual([[], ['a']]);
      }),
    );

    it(
      'brings nothing of a node behind a publication before all parts of that (ORD-1, ORD-3, G11)',
      inScene(async ({ nodes }) => {
        const [subscriber, publisher] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        await subscriber.backplane.bus.watch(REALM, 'a', 'prefix');
        subscriber.partsLeft = 3;
        const { bus } = publisher.backplane;
        for (const topic of ['a.1', 'a.2']) await bus.publish(REALM, publicationOf(topic));
        bus.send(subscriber.id, REALM, cancelOf(publisher.id, 1));
        await bus.publish(REALM, publicationOf('a.3'));
        await subscriber.catchUpWith(publisher);
        const received = subscriber.events
          .map(({ what }) => what)
          .filter((what) => what === 'publication' || what === 'frame');
        expect(received).toEqual(['publication', 'publication', 'frame', 'publication', 'frame']);
        expect(subscriber.topics()).toEqual(['a.1', 'a.2', 'a.3']);
      }),
    );

    it(
      'brings every part of the last publication of a node before the others are notified that it has gone (G5)',
      inScene(async ({ nodes }) => {
        const [subscriber, publisher] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        await subscriber.backplane.bus.watch(REALM, 'a', 'exact');
        subscriber.partsLeft = 3;
        await publisher.backplane.bus.publish(REALM, publicationOf('a'));
        await publisher.backplane.stop();
        await subscriber.until((node) => node.all('nodeGone').some(({ node: gone }) => gone === publisher.id));
        const received = subscriber.events
          .map(({ what }) => what)
          .filter((what) => what === 'publication' || what === 'nodeGone');
        expect(received).toEqual(['publication', 'nodeGone']);
      }),
    );

    it(
      'stops bringing a topic some time after unwatch, and keeps the other interests',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const [subscriber, publisher] = all as [NodeUnderTest, NodeUnderTest];
        await subscriber.backplane.bus.watch(REALM, 'a', 'exact');
        await subscriber.backplane.bus.watch(REALM, 'a', 'prefix');
        await subscriber.backplane.bus.watch(REALM, 'b', 'exact');
        subscriber.backplane.bus.unwatch(REALM, 'a', 'exact');
        subscriber.backplane.bus.unwatch(REALM, 'b', 'exact');
        subscriber.backplane.bus.unwatch(REALM, 'b', 'exact');
        await notifyEverybody(subscriber);
        await knowsTheEnd(publisher, 'b', 'exact');
        await publisher.backplane.bus.publish(REALM, publicationOf('b'));
        await publisher.backplane.bus.publish(REALM, publicationOf('a'));
        await subscriber.catchUpWith(publisher);
        expect(subscriber.topics()).toEqual(['a']);
      }),
    );

    it(
      'notifies every node once when the cluster begins and ends to want a topic, with one time of it',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const [one, two] = all as [NodeUnderTest, NodeUnderTest];
        const edges = (node: NodeUnderTest) => node.all('topic').map(({ change }) => change);
        await one.backplane.bus.watch(REALM, 'a', 'prefix');
        const createdMs = one.backplane.bus.createdMs(REALM, 'a', 'prefix')!;
        expect(Math.abs(createdMs - Date.now())).toBeLessThan(60_000);
        const begun = { topic: 'a', match: 'prefix', createdMs, isWanted: true };
        for (const node of all) expect(edges(node)).toEqual([begun]);
        await two.backplane.bus.watch(REALM, 'a', 'prefix');
        one.backplane.bus.unwatch(REALM, 'a', 'prefix', 7 as SessionId);
        await notifyEverybody(one);
        for (const node of all) expect(node.backplane.bus.createdMs(REALM, 'a', 'prefix')).toBe(createdMs);
        two.backplane.bus.unwatch(REALM, 'a', 'prefix', 8 as SessionId);
        await notifyEverybody(two);
        for (const node of all) {
          await knowsTheEnd(node, 'a', 'prefix');
          const ofTopic = edges(node).filter(({ topic }) => topic === 'a');
          expect(ofTopic).toEqual([begun, { ...begun, isWanted: false, leaver: 8 }]);
          expect(node.backplane.bus.createdMs(REALM, 'a', 'prefix')).toBeUndefined();
        }
      }),
    );

    it(
      'ends to want a topic behind every publication that it had accepted before',
      inScene(async ({ nodes }) => {
        const [one, ...others] = (await nodes(nodeCount)) as [NodeUnderTest, ...NodeUnderTest[]];
        for (const other of others) await other.backplane.bus.watch(REALM, 'last', 'exact');
        for (let round = 0; round < 20; round++) {
          await one.backplane.bus.watch(REALM, `a.${round}`, 'exact');
          for (let count = 0; count < 5; count++) await one.backplane.bus.publish(REALM, publicationOf('last'));
          one.backplane.bus.unwatch(REALM, `a.${round}`, 'exact');
        }
        const ends = (node: NodeUnderTest) => node.all('topic').filter(({ change }) => !change.isWanted);
        for (const other of others) {
          await other.until(() => ends(other).length === 20);
          const events = other.events.filter(({ what }) => what === 'publication' || what === 'topic');
          for (const [round, end] of ends(other).entries()) {
            const before = events.slice(0, events.indexOf(end)).filter(({ what }) => what === 'publication');
            expect(before.length).toBeGreaterThanOrEqual(5 * (round + 1));
          }
        }
      }),
    );

    it(
      'ends to want the topics of a node that leaves',
      inScene(async ({ nodes }) => {
        const [one, ...others] = (await nodes(nodeCount)) as [NodeUnderTest, ...NodeUnderTest[]];
        await one.backplane.bus.watch(REALM, 'a', 'exact');
        await one.backplane.stop();
        for (const node of others) {
          await node.until(() => node.all('nodeGone').length > 0);
          const edges = node.all('topic').map(({ change }) => [change.topic, change.isWanted, change.leaver]);
          expect(edges).toEqual([
            ['a', true, undefined],
            ['a', false, undefined],
          ]);
        }
      }),
    );

    it(
      'brings a topic again that is watched again',
      inScene(async ({ nodes }) => {
        const [subscriber, publisher] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        await subscriber.backplane.bus.watch(REALM, 'a', 'exact');
        subscriber.backplane.bus.unwatch(REALM, 'a', 'exact');
        await subscriber.backplane.bus.watch(REALM, 'a', 'exact');
        await publisher.backplane.bus.publish(REALM, publicationOf('a'));
        await subscriber.catchUpWith(publisher);
        expect(subscriber.topics()).toEqual(['a']);
      }),
    );

    it(
      'brings frames of every kind to the node they are for, and to no other',
      inScene(async ({ nodes }) => {
        const [sender, receiver, ...rest] = (await nodes(nodeCount)) as [
          NodeUnderTest,
          NodeUnderTest,
          ...NodeUnderTest[],
        ];
        const frames = framesOf(sender.id);
        for (const frame of frames) expect(sender.backplane.bus.send(receiver.id, REALM, frame)).toBe(true);
        await receiver.catchUpWith(sender);
        const received = receiver.all('frame').slice(0, -1);
        expect(received.map(({ frame }) => transferred(frame))).toEqual(frames.map(transferred));
        expect(new Set(received.map(({ from, realm }) => `${from} ${realm}`))).toEqual(
          new Set([`${sender.id} ${REALM}`]),
        );
        for (const other of rest) {
          await other.catchUpWith(sender);
          expect(other.all('frame')).toHaveLength(1);
        }
        expect(sender.all('frame')).toEqual([]);
      }),
    );

    it(
      'keeps the order per sender and receiver over all topics and frames (ORD-1, ORD-3)',
      inScene(async ({ nodes }) => {
        const all = await nodes(nodeCount);
        const steps = 60;
        for (const { backplane } of all) {
          await backplane.bus.watch(REALM, 'odd', 'prefix');
          await backplane.bus.watch(REALM, 'even', 'exact');
        }
        for (let step = 0; step < steps; step++) {
          for (const sender of all) {
            const { bus } = sender.backplane;
            if (step % 3 === 0) {
              for (const { id } of all) if (id !== sender.id) bus.send(id, REALM, cancelOf(sender.id, step));
            } else {
              const topic = step % 2 === 0 ? 'even' : `odd.${step}`;
              void bus.publish(
                REALM,
                publicationOf(topic, { publisher: { session: step as SessionId, authid: '', authrole: '' } }),
              );
            }
          }
          if (step % 10 === 9) await all[0]!.catchUpWith(all[1]!);
        }
        for (const receiver of all) await catchUpWithAll(receiver, all);
        for (const receiver of all)
          for (const sender of all)
            if (sender !== receiver)
              expect(stepsReceived(receiver, sender, steps)).toEqual(Array.from({ length: steps }, (_, step) => step));
      }),
    );

    it(
      'skips what is for a node that never was',
      inScene(async ({ nodes }) => {
        const [sender, receiver] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        expect(sender.backplane.bus.send('nobody' as never, REALM, cancelOf(sender.id))).toBe(true);
        await receiver.catchUpWith(sender);
        expect(receiver.all('frame')).toHaveLength(1);
      }),
    );
  });
}

async function catchUpWithAll(receiver: NodeUnderTest, all: readonly NodeUnderTest[]): Promise<void> {
  for (const sender of all) if (sender !== receiver) await receiver.catchUpWith(sender);
}

/** Resolves when every node has received all changes of this node so far. */
async function notifyEverybody(node: NodeUnderTest): Promise<void> {
  await node.backplane.directory.claim(REALM, claimOf(node.id, `com.fence.${node.events.length}`));
}

/** A store that loses its scripts may carry out a change of the node behind later ones. */
function knowsTheEnd(node: NodeUnderTest, topic: Uri, match: MatchPolicy): Promise<void> {
  return node.until(() =>
    node.all('topic').some(({ change }) => change.topic === topic && change.match === match && !change.isWanted),
  );
}

/** The numbered steps of `sender` that `receiver` has received, without fences. */
function stepsReceived(receiver: NodeUnderTest, sender: NodeUnderTest, limit: number): number[] {
  return receiver.events.flatMap((event): number[] => {
    if (event.what === 'publication' && event.from === sender.id) return [event.publication.publisher.session];
    if (event.what !== 'frame' || event.from !== sender.id || event.frame.kind !== 'cancel') return [];
    return event.frame.call.number < limit ? [event.frame.call.number] : [];
  });
}
