import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../support/root.js';
import type { Variables } from './arena.js';
import type { Fault } from './fault.js';
import { play, type Played } from './play.js';
import type { Schedule } from './schedule.js';
import { shortest } from './shrink.js';

/** The variables of a router in which one promise is broken, see `sabotage.mjs`. */
function broken(sabotage: string): Variables {
  return { NODE_OPTIONS: `--import ${join(root, 'test/faults/sabotage.mjs')}`, SABOTAGE: sabotage };
}

function scheduleOf(...faults: readonly Fault[]): Schedule {
  return { seed: 1, round: 0, nodeCount: 3, blows: faults.map((fault) => ({ afterMs: 300, fault })), calmMs: 300 };
}

const LOSS: Fault = { what: 'kill-connections', type: 'normal' };

describe('the checker finds what is broken on purpose', () => {
  it.each<[promise: string, variables: Variables, ...faults: Fault[]]>([
    ['G4', broken('lose-after-recovery'), LOSS],
    ['G8', broken('read-for-publications')],
    ['G9', broken('send-to-all')],
    ['G7', { GANTRY_LIMITS_MAX_UNSENT_BYTES: `${2 ** 29}` }, { what: 'slow-reader', place: 0, publisherPlace: 1 }],
  ])('%s', async (promise, variables, ...faults) => {
    const { violations } = await play(scheduleOf(...faults), undefined, variables);
    expect(violations).not.toEqual([]);
    expect(violations.filter((violation) => !violation.startsWith(promise))).toEqual([]);
  });

  it('G11, and what else the clients of a node notice that is held so long', async () => {
    const flood: Fault = { what: 'flood', place: 0, by: 'publish' };
    const { violations } = await play(scheduleOf(flood), undefined, broken('hold-the-loop'));
    expect(violations).toContainEqual(expect.stringMatching(/^G11: /));
  });

  it('and the schedule that showed it becomes as short as it can be', async () => {
    const quiet: Fault = { what: 'delay', place: 0, forMs: 300, byMs: 20 };
    const schedule = scheduleOf(quiet, LOSS, { what: 'join', staysMs: 100 }, quiet);
    const lengths: number[] = [];
    const playBroken = (shorter: Schedule): Promise<Played> => {
      lengths.push(shorter.blows.length);
      return play(shorter, undefined, broken('lose-after-recovery'));
    };
    const failed = await playBroken(schedule);
    expect(failed.violations).toContainEqual(expect.stringMatching(/^G4: /));
    const shown = await shortest(failed, playBroken);
    expect(shown.schedule).toEqual({ ...schedule, blows: schedule.blows.slice(0, 2) });
    expect(shown.violations).toContainEqual(expect.stringMatching(/^G4: /));
    // The whole one; none and one, twice each, which show nothing; then the two that do.
    expect(lengths).toEqual([4, 0, 0, 1, 1, 2]);
  });
});
