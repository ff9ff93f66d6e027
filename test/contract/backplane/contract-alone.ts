import { describe, expect, it } from 'vitest';
import type { InScene } from './describe-backplane.js';
import { cancelOf, claimOf, sessionOf, publicationOf, REALM } from './samples.js';

/** A node alone is a cluster of one (D1). */
export function aloneContract(inScene: InScene): void {
  describe('1 node', () => {
    it(
      'has nobody to wait for: a publication settles at once',
      inScene(async ({ node }) => {
        const { backplane, events } = await node();
        await backplane.bus.watch(REALM, 'a.b', 'exact');
        expect(backplane.bus.publish(REALM, publicationOf('a.b'))).toBeUndefined();
        backplane.bus.unwatch(REALM, 'a.b', 'exact');
        expect(events.filter(({ what }) => what !== 'topic')).toEqual([]);
        expect([backplane.isAlone, backplane.isCutOff]).toEqual([true, false]);
      }),
    );

    it(
      'never receives from itself',
      inScene(async ({ node }) => {
        const alone = await node();
        await alone.backplane.bus.watch(REALM, '', 'prefix');
        await alone.backplane.bus.publish(REALM, publicationOf('a.b'));
        alone.backplane.bus.send(alone.id, REALM, cancelOf(alone.id));
        await alone.backplane.directory.claim(REALM, claimOf(alone.id, 'com.fence'));
        const received = alone.events.map(({ what }) => what);
        expect(received.filter((what) => what !== 'topic')).toEqual(['registration']);
      }),
    );

    it(
      'is notified of its own registrations before the claim resolves, and of their end (G2, SHR-4)',
      inScene(async ({ node }) => {
        const alone = await node();
        const claim = claimOf(alone.id, 'com.add');
        const outcome = await alone.backplane.directory.claim(REALM, claim);
        expect(outcome).toMatchObject({ kind: 'granted', registration: { procedure: 'com.add' } });
        expect(alone.registration(claim.registration)?.callees).toEqual([claim.callee]);
        await alone.backplane.directory.release(REALM, claim.registration, claim.callee.session);
        await alone.until((self) => self.registration(claim.registration)?.callees.length === 0);
      }),
    );

    it(
      'receives nothing inside its own call',
      inScene(async ({ node }) => {
        const alone = await node();
        const claimed = alone.backplane.directory.claim(REALM, claimOf(alone.id, 'com.add'));
        expect(alone.events).toEqual([]);
        await claimed;
        expect(alone.events).toHaveLength(1);
      }),
    );

    it(
      'takes each session id once (SES-2)',
      inScene(async ({ node }) => {
        const { directory } = (await node()).backplane;
        const identity = sessionOf();
        expect(await directory.join(REALM, identity)).toBe(true);
        expect(await directory.join(REALM, identity)).toBe(false);
        directory.leave(REALM, identity.session);
        expect(await directory.join(REALM, identity)).toBe(true);
      }),
    );

    it(
      'stops more than once without harm and leaves nothing behind',
      inScene(async ({ node, cluster }) => {
        const alone = await node();
        await alone.backplane.bus.watch(REALM, 'a', 'exact');
        await alone.backplane.directory.join(REALM, sessionOf());
        await alone.backplane.directory.claim(REALM, claimOf(alone.id, 'com.add'));
        await Promise.all([alone.backplane.stop(), alone.backplane.stop()]);
        await alone.backplane.stop();
        expect(await cluster.rowCount(alone.id)).toBe(0);
        expect(alone.all('nodeGone')).toEqual([]);
      }),
    );
  });
}
