import { expect, it } from 'vitest';
import { DelayedUnwatches } from '../../../src/realm/delayed-unwatches.js';

function scene() {
  const ended: string[] = [];
  const unwatches = new DelayedUnwatches(({ topic, match }) => void ended.push(`${match} ${topic}`));
  const unwatch = (topic: string): void => unwatches.add({ topic, match: 'exact', leaver: undefined });
  return { ended, unwatches, unwatch };
}

it('a topic ends at once while nothing is on its way', () => {
  const { ended, unwatches, unwatch } = scene();
  unwatches.hold()();
  unwatch('a');
  expect(ended).toEqual(['exact a']);
});

it('a topic ends behind what was published before it, and waits for nothing later (UMA-1)', () => {
  const { ended, unwatches, unwatch } = scene();
  const first = unwatches.hold();
  unwatch('a');
  const second = unwatches.hold();
  unwatch('b');
  expect(ended).toEqual([]);
  first();
  expect(ended).toEqual(['exact a']);
  second();
  expect(ended).toEqual(['exact a', 'exact b']);
});

it('a topic that is wanted again meanwhile does not end', () => {
  const { ended, unwatches, unwatch } = scene();
  const accepted = unwatches.hold();
  unwatch('a');
  unwatches.cancel('a', 'prefix');
  unwatches.cancel('a', 'exact');
  accepted();
  expect(ended).toEqual([]);
});
