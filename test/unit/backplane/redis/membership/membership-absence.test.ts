import { beforeEach, describe, expect, it } from 'vitest';
import { ABSENT_MS, LEASE_MS, type Member, MembersWorld, RENEW_MS } from '../../../../support/members.js';

let world: MembersWorld;
beforeEach(() => {
  world = new MembersWorld();
  world.isBeating = true;
});

/** A heartbeat of one of the others shows that nobody listens; then absence is watched. */
const NOTICED_MS = 1_000 + ABSENT_MS + ABSENT_MS / 3;

function goneCount({ events }: Member, node: string): number {
  return events.filter((event) => event === `gone ${node}`).length;
}

describe('a node to whose inbox nobody listens (G5)', () => {
  it.each([0, 500, 1_000, 1_500])(
    'is declared dead long before its lease ends when it was killed',
    async (offsetMs) => {
      const [dead, ...survivors] = await world.settled('n-1', 'n-2', 'n-3');
      await dead.serve('realm');
      await world.pass(offsetMs);
      dead.kill();
      await world.pass(ABSENT_MS - 1);
      expect(survivors.map((member) => goneCount(member, 'n-1'))).toEqual([0, 0]);
      await world.pass(NOTICED_MS - ABSENT_MS + 1);
      expect(survivors.map((member) => goneCount(member, 'n-1'))).toEqual([1, 1]);
      expect(survivors.reduce((sum, { counters }) => sum + counters.nodesReaped.all, 0)).toBe(1);
      expect([...world.rows]).toEqual([]);
    },
  );

  it('keeps its whole lease when it hangs: it listens', async () => {
    const [hung, survivor] = await world.settled('n-1', 'n-2');
    hung.freeze();
    await world.pass(LEASE_MS - RENEW_MS - 1);
    expect(goneCount(survivor, 'n-1')).toBe(0);
    hung.thaw();
    await world.pass(3 * LEASE_MS);
    expect(goneCount(survivor, 'n-1')).toBe(0);
    expect(hung.events).not.toContain('fenced');
  });

  it('is alive as long as it renews, with and without listeners', async () => {
    const [deaf, survivor] = await world.settled('n-1', 'n-2');
    deaf.listen(false);
    await world.pass(5 * LEASE_MS);
    expect(goneCount(survivor, 'n-1')).toBe(0);
    expect(deaf.membership.isLeaseValid()).toBe(true);
  });

  it('has as long as a reconnection takes, and believes in its lease no longer', async () => {
    const [lost, survivor] = await world.settled('n-1', 'n-2');
    lost.listen(false);
    lost.freeze();
    await world.pass(ABSENT_MS - 1);
    lost.listen(true);
    lost.thaw();
    await world.pass(2 * LEASE_MS);
    expect(goneCount(survivor, 'n-1')).toBe(0);
    lost.listen(false);
    expect(lost.membership.leaseRemainingMs).toBeLessThanOrEqual(RENEW_MS + ABSENT_MS / 3);
    lost.freeze();
    await world.pass(NOTICED_MS);
    expect(goneCount(survivor, 'n-1')).toBe(1);
    expect(lost.membership.isLeaseValid()).toBe(false);
    lost.isListening = true;
    lost.thaw();
    await world.pass(RENEW_MS);
    expect(lost.events.at(-1)).toBe('fenced');
    expect(world.alive()).toEqual(['n-2']);
  });

  it('is not judged by who does not listen, nor by who has only begun to', async () => {
    const [dead, judge] = await world.settled('n-1', 'n-2');
    judge.listen(false);
    dead.kill();
    await world.pass(ABSENT_MS);
    expect(judge.count('begin_reap.lua')).toBe(0);
    judge.listen(true);
    await world.pass(2 * ABSENT_MS - 1);
    expect(judge.count('begin_reap.lua')).toBe(0);
    await world.pass(ABSENT_MS + ABSENT_MS / 3);
    expect(goneCount(judge, 'n-1')).toBe(1);
  });

  it('is not judged by who has not looked for a while: it begins anew', async () => {
    const [lost, judge] = await world.settled('n-1', 'n-2');
    lost.listen(false);
    lost.freeze();
    await world.pass(1_000 + ABSENT_MS / 3);
    judge.freeze();
    // As long as the others keep the lease of everybody going.
    const [other] = await world.entered('n-3');
    await world.pass(ABSENT_MS);
    expect(goneCount(other, 'n-1')).toBe(0);
    judge.thaw();
    await world.pass(ABSENT_MS / 3);
    expect(goneCount(other, 'n-1')).toBe(0);
    lost.listen(true);
    lost.thaw();
    await world.pass(LEASE_MS);
    expect(goneCount(other, 'n-1')).toBe(0);
  });
});
