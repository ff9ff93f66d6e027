import { expect, it } from 'vitest';
import { newcomer } from '../../support/newcomer.js';
import { Scene } from '../../support/realm-scene.js';
import { META_LIMITS } from '../../support/meta-limits.js';
import { shownAuthextra } from '../../../src/realm/shown-authextra.js';

const { maxAuthextraBytes } = META_LIMITS;

it('the row of a session has its authextra up to a bound, which is counted (limits.maxAuthextraBytes)', async () => {
  const node = await new Scene().node('a');
  const { realm, backplane, counters } = node;
  const shown = async (authextra: object): Promise<unknown> => {
    const session = await realm.reserve({ ...newcomer(), authextra: { ...authextra } });
    return (await backplane.directory.sessions.get(realm.uri, session as never))?.authextra;
  };
  expect(await shown({ name: 'Ann' })).toEqual({ name: 'Ann' });
  expect(counters.limitsReached.authextra_bytes).toBe(0);
  expect(await shown({ text: 'x'.repeat(maxAuthextraBytes) })).toBeUndefined();
  expect(counters.limitsReached.authextra_bytes).toBe(1);
});

it('nothing is shown where the bound is 0, nor where there is nothing', () => {
  expect(shownAuthextra({ name: 'Ann' }, 0)).toBeUndefined();
  expect(shownAuthextra(undefined, maxAuthextraBytes)).toBeUndefined();
});
