import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../src/backplane/backplane.js';
import { ErrorUri } from '../../../src/wamp/uris.js';
import type { InScene } from './describe-backplane.js';
import type { NodeUnderTest } from './node-under-test.js';
import { cancelOf, claimOf, sessionOf, publicationOf, REALM } from './samples.js';

type Three = [NodeUnderTest, NodeUnderTest, NodeUnderTest];

/** Messages that are lost, and nodes that are cut off. */
export function faultContract(inScene: InScene): void {
  describe('losses', () => {
    it(
      'are reported in order to the receiver, which gets all the rest (G4)',
      inScene(async ({ nodes, cluster }) => {
        const [sender, receiver, bystander] = (await nodes(3)) as Three;
        const publish = (number: number): void => {
          sender.backplane.bus.send(receiver.id, REALM, cancelOf(sender.id, number));
        };
        publish(1);
        await receiver.catchUpWith(sender);
        await cluster.loseNext(sender.id, receiver.id);
        publish(2);
        // Messages of one turn may travel, and be lost, together.
        await new Promise((resolve) => setImmediate(resolve));
        await receiver.catchUpWith(sender);
        publish(3);
        await receiver.catchUpWith(sender);
        const received = receiver.events.flatMap((one): unknown[] => {
          if (one.what === 'gap') return [`gap ${one.from}`];
          return one.what === 'frame' && one.frame.kind === 'cancel' && one.frame.call.number < 10
            ? [one.frame.call.number]
            : [];
        });
        expect(received).toEqual([1, `gap ${sender.id}`, 3]);
        expect([...sender.all('gap'), ...bystander.all('gap')]).toEqual([]);
      }),
    );

    it(
      'are reported although nothing follows',
      inScene(async ({ nodes, cluster }) => {
        const [sender, receiver] = (await nodes(2)) as Three;
        await cluster.loseNext(sender.id, receiver.id);
        sender.backplane.bus.send(receiver.id, REALM, cancelOf(sender.id));
        await receiver.until((self) => self.all('gap').length > 0);
        expect(receiver.all('gap')[0]).toMatchObject({ from: sender.id });
        expect(receiver.all('frame')).toEqual([]);
      }),
    );

    it(
      'keep nobody waiting: interests and claims settle although confirmations were lost (G2)',
      inScene(async ({ nodes, cluster }) => {
        const [asker, other, third] = (await nodes(3)) as Three;
        await cluster.loseNext(other.id, asker.id);
        await cluster.loseNext(third.id, asker.id);
        await asker.backplane.bus.watch(REALM, 'a', 'exact');
        await cluster.loseNext(other.id, asker.id);
        const outcome = await asker.backplane.directory.claim(REALM, claimOf(asker.id, 'com.x'));
        expect(outcome).toMatchObject({ kind: 'granted' });
        await other.backplane.bus.publish(REALM, publicationOf('a'));
        await asker.catchUpWith(other);
        expect(asker.topics()).toEqual(['a']);
      }),
    );
  });

  describe('what certainly did not arrive', () => {
    it(
      'comes back to its sender once, if it is a frame, and the receiver is notified of a gap (G3)',
      inScene(async ({ nodes, cluster }) => {
        const [sender, receiver, bystander] = (await nodes(3)) as Three;
        const frame = cancelOf(sender.id);
        await cluster.returnNext(sender.id, receiver.id);
        expect(sender.backplane.bus.send(receiver.id, REALM, frame)).toBe(true);
        expect(sender.events.filter(({ what }) => what === 'returned')).toEqual([]);
        await sender.until((self) => self.all('returned').length > 0);
        await receiver.until((self) => self.all('gap').length > 0);
        await bystander.catchUpWith(sender);
        expect(sender.all('returned')).toEqual([{ what: 'returned', to: receiver.id, realm: REALM, frame }]);
        expect(receiver.all('frame')).toEqual([]);
        expect(receiver.all('gap')[0]).toMatchObject({ from: sender.id });
        expect([...receiver.all('returned'), ...bystander.all('returned'), ...bystander.all('gap')]).toEqual([]);
      }),
    );

    it(
      'is refused by name, if it is a publication (G4)',
      inScene(async ({ nodes, cluster }) => {
        const [publisher, deaf, reached] = (await nodes(3)) as Three;
        await deaf.backplane.bus.watch(REALM, 'a', 'exact');
        await reached.backplane.bus.watch(REALM, 'a', 'exact');
        await cluster.returnNext(publisher.id, deaf.id);
        await expect(publisher.backplane.bus.publish(REALM, publicationOf('a'))).rejects.toThrow(
          BackplaneUnavailableError,
        );
        await reached.catchUpWith(publisher);
        await deaf.until((self) => self.all('gap').length > 0);
        expect(reached.topics()).toEqual(['a']);
        expect(deaf.topics()).toEqual([]);
        expect(publisher.all('returned')).toEqual([]);
      }),
    );
  });

  describe('a node that is cut off', () => {
    it(
      'is notified, and is refused what needs the others, by name (G4, G6)',
      inScene(async ({ nodes, cluster }) => {
        const [one, two] = (await nodes(3)) as Three;
        await two.backplane.bus.watch(REALM, 'a', 'exact');
        await cluster.isolate(one.id);
        await one.until((self) => self.all('down').length > 0);
        await expect(one.backplane.bus.publish(REALM, publicationOf('a'))).rejects.toThrow(BackplaneUnavailableError);
        expect(one.backplane.bus.send(two.id, REALM, cancelOf(one.id))).toBe(false);
        const claimed = await one.backplane.directory.claim(REALM, claimOf(one.id, 'com.x'));
        expect(claimed).toMatchObject({ kind: 'failed', fault: { error: ErrorUri.NETWORK_FAILURE } });
        expect(one.all('up')).toEqual([]);
      }),
    );

    it(
      'is not refused what concerns nobody else: a topic no other node wants (G6)',
      inScene(async ({ nodes, cluster }) => {
        const [one] = (await nodes(3)) as Three;
        await cluster.isolate(one.id);
        await one.until((self) => self.all('down').length > 0);
        await one.backplane.bus.publish(REALM, publicationOf('local'));
        expect(one.all('up')).toEqual([]);
      }),
    );

    it(
      'is refused every publication once the others may have declared it dead: they subscribe without it then (G4)',
      inScene(async ({ nodes, cluster }) => {
        const [one, two] = (await nodes(3)) as Three;
        expect([one.backplane.isIsolated, one.backplane.standing()]).toEqual([false, 'certain']);
        await cluster.isolate(one.id);
        await one.until((self) => self.all('down').length > 0);
        await cluster.declareDead(one.id);
        await two.backplane.bus.watch(REALM, 'new', 'exact');
        while (one.backplane.standing() !== 'isolated') await new Promise((resolve) => setTimeout(resolve, 10));
        await expect(one.backplane.bus.publish(REALM, publicationOf('new'))).rejects.toThrow(BackplaneUnavailableError);
        expect(one.backplane.isIsolated).toBe(true);
        expect([two.backplane.isIsolated, two.backplane.standing()]).toEqual([false, 'certain']);
        await cluster.heal(one.id);
        await one.until((self) => self.all('fenced').length > 0);
        expect(one.backplane.standing()).toBe('over');
      }),
    );

    it(
      'makes the publications of others that want to reach it fail, not vanish (G4)',
      inScene(async ({ nodes, cluster }) => {
        const [publisher, lost, reached] = (await nodes(3)) as Three;
        await lost.backplane.bus.watch(REALM, 'a', 'exact');
        await reached.backplane.bus.watch(REALM, 'a', 'exact');
        await cluster.isolate(lost.id);
        await lost.until((self) => self.all('down').length > 0);
        await expect(publisher.backplane.bus.publish(REALM, publicationOf('a'))).rejects.toThrow(
          BackplaneUnavailableError,
        );
        await reached.catchUpWith(publisher);
        expect(reached.topics()).toEqual(['a']);
      }),
    );

    it(
      'makes frames of others to it be refused, and taken again when it is back (G6)',
      inScene(async ({ nodes, cluster }) => {
        const [sender, lost] = (await nodes(3)) as Three;
        await cluster.isolate(lost.id);
        await lost.until((self) => self.all('down').length > 0);
        expect(sender.backplane.bus.send(lost.id, REALM, cancelOf(sender.id))).toBe(false);
        await cluster.heal(lost.id);
        await lost.until((self) => self.all('up').length > 0);
        expect(sender.backplane.bus.send(lost.id, REALM, cancelOf(sender.id))).toBe(true);
      }),
    );

    it(
      'is notified of the gaps when it is back, and so are the nodes that it had sent to (G4)',
      inScene(async ({ nodes, cluster }) => {
        const [one, two, silent] = (await nodes(3)) as Three;
        await cluster.isolate(one.id);
        await one.until((self) => self.all('down').length > 0);
        one.backplane.bus.send(two.id, REALM, cancelOf(one.id));
        two.backplane.bus.send(one.id, REALM, cancelOf(two.id));
        await cluster.heal(one.id);
        await one.until((self) => self.all('up').length > 0);
        await two.catchUpWith(one);
        await one.catchUpWith(two);
        await silent.catchUpWith(two);
        expect(two.all('gap').map(({ from }) => from)).toEqual([one.id]);
        expect(one.all('gap').map(({ from }) => from)).toContain(two.id);
        expect(silent.all('gap')).toEqual([]);
        expect(two.all('nodeGone')).toEqual([]);
      }),
    );

    it(
      'has kept its rows, catches up with what it missed, and what it took back is taken back',
      inScene(async ({ nodes, cluster }) => {
        const [one, two, three] = (await nodes(3)) as Three;
        const kept = claimOf(one.id, 'com.kept');
        const dropped = claimOf(one.id, 'com.dropped');
        const identity = sessionOf();
        await one.backplane.directory.claim(REALM, kept);
        await one.backplane.directory.claim(REALM, dropped);
        await one.backplane.directory.join(REALM, identity);
        await one.backplane.bus.watch(REALM, 'kept', 'exact');
        await one.backplane.bus.watch(REALM, 'dropped', 'exact');
        await cluster.isolate(one.id);
        await one.until((self) => self.all('down').length > 0);
        one.backplane.bus.unwatch(REALM, 'dropped', 'exact');
        one.backplane.directory.leave(REALM, identity.session);
        const releasing = one.backplane.directory.release(REALM, dropped.registration, dropped.callee.session);
        const missed = claimOf(two.id, 'com.missed');
        const claiming = two.backplane.directory.claim(REALM, missed);
        const watching = two.backplane.bus.watch(REALM, 'two', 'exact');
        await cluster.heal(one.id);
        await Promise.all([releasing, claiming, watching]);
        expect(one.registration(missed.registration)?.callees).toEqual([missed.callee]);
        await three.until((self) => self.registration(dropped.registration)?.callees.length === 0);
        expect(three.registration(kept.registration)?.callees).toEqual([kept.callee]);
        expect(await three.backplane.directory.join(REALM, identity)).toBe(true);
        await three.backplane.directory.claim(REALM, claimOf(three.id, 'com.fence'));
        await three.backplane.bus.publish(REALM, publicationOf('dropped'));
        await three.backplane.bus.publish(REALM, publicationOf('kept'));
        await one.catchUpWith(three);
        expect(one.topics()).toEqual(['kept']);
        await one.backplane.bus.publish(REALM, publicationOf('two'));
        await two.catchUpWith(one);
        expect(two.topics()).toEqual(['two']);
      }),
    );

    it(
      'is notified that it is fenced when it was declared dead meanwhile, and takes part no more (G5)',
      inScene(async ({ nodes, cluster }) => {
        const [one, two, three] = (await nodes(3)) as Three;
        const claim = claimOf(one.id, 'com.x');
        const identity = sessionOf();
        await one.backplane.directory.claim(REALM, claim);
        await one.backplane.directory.join(REALM, identity);
        await two.backplane.bus.watch(REALM, 'a', 'exact');
        await cluster.isolate(one.id);
        await one.until((self) => self.all('down').length > 0);
        const upCount = one.all('up').length;
        one.backplane.directory.leave(REALM, identity.session);
        await cluster.declareDead(one.id);
        for (const other of [two, three]) await other.until((self) => self.all('nodeGone').length > 0);
        expect(one.all('fenced')).toEqual([]);
        await cluster.heal(one.id);
        await one.until((self) => self.all('fenced').length > 0);
        expect(one.backplane.bus.send(two.id, REALM, cancelOf(one.id))).toBe(false);
        await expect(one.backplane.bus.publish(REALM, publicationOf('a'))).rejects.toThrow(BackplaneUnavailableError);
        expect(await one.backplane.directory.claim(REALM, claimOf(one.id, 'com.y'))).toMatchObject({ kind: 'failed' });
        await one.backplane.stop();
        await two.catchUpWith(three);
        expect(one.events.at(-1)).toEqual({ what: 'fenced' });
        expect(one.all('fenced')).toHaveLength(1);
        expect(one.all('up')).toHaveLength(upCount);
        expect(two.topics()).toEqual([]);
        for (const other of [two, three]) expect(other.all('nodeGone')).toEqual([{ what: 'nodeGone', node: one.id }]);
        expect(two.registration(claim.registration)?.callees).toEqual([]);
        expect(await cluster.rowCount(one.id)).toBe(0);
      }),
    );

    it(
      'is ignored from then on when it was declared dead meanwhile (G5)',
      inScene(async ({ nodes, cluster }) => {
        const [one, two, three] = (await nodes(3)) as Three;
        const claim = claimOf(one.id, 'com.x');
        await one.backplane.directory.claim(REALM, claim);
        await cluster.isolate(one.id);
        await cluster.kill(one.id);
        await two.until((self) => self.all('nodeGone').length > 0);
        await cluster.heal(one.id);
        one.backplane.bus.send(two.id, REALM, cancelOf(one.id));
        await two.catchUpWith(three);
        expect(two.all('frame').map(({ from }) => from)).toEqual([three.id]);
        expect(two.registration(claim.registration)?.callees).toEqual([]);
        expect(await cluster.rowCount(one.id)).toBe(0);
      }),
    );
  });
}
