import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../src/backplane/backplane.js';
import type { LostSession } from '../../../src/backplane/session-row.js';
import type { SessionId } from '../../../src/wamp/ids.js';
import type { InScene } from './describe-backplane.js';
import type { NodeUnderTest } from './node-under-test.js';
import { claimOf, freshSessionId, sessionOf, REALM } from './samples.js';

const bytes = (...texts: string[]): Uint8Array[] => texts.map((text) => new TextEncoder().encode(text));

/** Joins a session on the node, with these testaments. */
async function joinWith(node: NodeUnderTest, ...testaments: string[]): Promise<SessionId> {
  const details = sessionOf();
  await node.backplane.directory.join(REALM, details);
  await set(node, details.session, ...testaments);
  return details.session;
}

function set({ backplane }: NodeUnderTest, session: SessionId, ...testaments: string[]): Promise<void> {
  return backplane.directory.setTestaments(REALM, session, bytes(...testaments));
}

/** The sessions that these nodes received of a dead one, with their testaments as text, in the order of the ids. */
function lostBy(nodes: readonly NodeUnderTest[]): [SessionId, string[] | undefined][] {
  const lost = nodes.flatMap((node) =>
    node.all('sessionsLost').flatMap(({ sessions }): readonly LostSession[] => sessions),
  );
  return lost
    .map(({ session, testaments }): [SessionId, string[] | undefined] => [
      session,
      testaments?.map((one) => new TextDecoder().decode(one)),
    ])
    .sort(([one], [other]) => one - other);
}

/** What is kept beside the row of a session, and who receives it (TST-7). */
export function testamentContract(inScene: InScene, nodeCount: number): void {
  describe('testaments', () => {
    it(
      'of a node that dies are handed to one other node, with the sessions, as they were set last (TST-7)',
      inScene(async ({ nodes, cluster }) => {
        const [dead, ...others] = (await nodes(nodeCount)) as [NodeUnderTest, ...NodeUnderTest[]];
        const two = await joinWith(dead, 'one', 'two');
        const replaced = await joinWith(dead, 'old', 'older');
        await set(dead, replaced, 'new');
        const removed = await joinWith(dead, 'old');
        await set(dead, removed);
        const large = await joinWith(dead, 'x'.repeat(300_000), 'y'.repeat(300_000), 'z'.repeat(600_000));
        const afterwards = await joinWith(dead, 'afterwards');
        const left = await joinWith(dead, 'left');
        dead.backplane.directory.leave(REALM, left);
        // Once it is granted, what was written before has been carried out.
        await dead.backplane.directory.claim(REALM, claimOf(dead.id, 'com.fence'));
        await cluster.kill(dead.id);
        for (const other of others) await other.until((self) => self.all('nodeGone').length > 0);
        const lost = lostBy(others).map(([session, texts]) => [session, texts?.map((text) => text.slice(0, 10))]);
        expect(lost).toEqual([
          [two, ['one', 'two']],
          [replaced, ['new']],
          [removed, undefined],
          [large, ['xxxxxxxxxx', 'yyyyyyyyyy', 'zzzzzzzzzz']],
          [afterwards, ['afterwards']],
        ]);
        expect(await cluster.rowCount(dead.id)).toBe(0);
      }),
    );

    it(
      'of a node that leaves, or stops serving the realm, are handed to nobody',
      inScene(async ({ nodes, cluster }) => {
        const [leaving, ...others] = (await nodes(nodeCount)) as [NodeUnderTest, ...NodeUnderTest[]];
        await joinWith(leaving, 'one');
        await leaving.backplane.withdraw(REALM);
        await leaving.backplane.serve(REALM);
        await joinWith(leaving, 'two');
        await leaving.backplane.stop();
        for (const other of others) await other.until((self) => self.all('nodeGone').length > 0);
        expect(lostBy(others)).toEqual([]);
        expect(await cluster.rowCount(leaving.id)).toBe(0);
      }),
    );

    it(
      'need a session that this node has',
      inScene(async ({ nodes }) => {
        const [one, other] = (await nodes(nodeCount)) as [NodeUnderTest, NodeUnderTest];
        const session = await joinWith(one, 'mine');
        await expect(set(other, session, 'not mine')).rejects.toThrow(BackplaneUnavailableError);
        await expect(set(one, freshSessionId(), 'of nobody')).rejects.toThrow(BackplaneUnavailableError);
      }),
    );
  });
}

/** What becomes of them while nodes cannot reach each other. */
export function testamentFaultContract(inScene: InScene): void {
  describe('testaments of a node that is cut off', () => {
    it(
      'are refused by name, and those from before are kept (G6)',
      inScene(async ({ nodes, cluster }) => {
        const [one, ...others] = (await nodes(3)) as [NodeUnderTest, ...NodeUnderTest[]];
        expect([one.backplane.isCutOff, one.backplane.isAlone]).toEqual([false, false]);
        const kept = await joinWith(one, 'kept');
        const changed = await joinWith(one, 'old');
        await cluster.isolate(one.id);
        await one.until((self) => self.all('down').length > 0);
        expect(one.backplane.isCutOff).toBe(true);
        await expect(set(one, changed, 'new')).rejects.toThrow(BackplaneUnavailableError);
        // A client that was refused does the same.
        await expect(set(one, changed, 'old')).rejects.toThrow(BackplaneUnavailableError);
        await cluster.heal(one.id);
        await one.until((self) => self.all('up').length > 0);
        expect(one.backplane.isCutOff).toBe(false);
        await cluster.kill(one.id);
        for (const other of others) await other.until((self) => self.all('nodeGone').length > 0);
        expect(lostBy(others)).toEqual([
          [kept, ['kept']],
          [changed, ['old']],
        ]);
      }),
    );

    it(
      'are handed to another node when it is declared dead, also of sessions that have left it meanwhile (G5)',
      inScene(async ({ nodes, cluster }) => {
        const [one, ...others] = (await nodes(3)) as [NodeUnderTest, ...NodeUnderTest[]];
        const left = await joinWith(one, 'left meanwhile');
        await cluster.isolate(one.id);
        await one.until((self) => self.all('down').length > 0);
        one.backplane.directory.leave(REALM, left);
        await cluster.declareDead(one.id);
        for (const other of others) await other.until((self) => self.all('nodeGone').length > 0);
        expect(lostBy(others)).toEqual([[left, ['left meanwhile']]]);
        await cluster.heal(one.id);
        await one.until((self) => self.all('fenced').length > 0);
        expect(one.backplane.isCutOff).toBe(true);
      }),
    );
  });
}
