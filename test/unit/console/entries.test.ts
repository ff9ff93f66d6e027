import { expect, it } from 'vitest';

interface Entries {
  readonly size: number;
  readonly isFull: boolean;
  add(id: number): void;
  remove(id: number): void;
  remember(id: number, entry: object, nowMs: number): void;
  clear(): void;
  get(id: number): object | undefined;
  load(list: () => Promise<readonly number[]>): Promise<void>;
  newest(from: number, count: number): readonly number[];
}
// By a name that the compiler does not know: modules of pages have no types.
const file = new URL('../../../src/console/public/entries.js', import.meta.url).href;
const { Entries, MAX_IDS, MAX_KNOWN } = (await import(file)) as {
  readonly Entries: new () => Entries;
  readonly MAX_IDS: number;
  readonly MAX_KNOWN: number;
};

it('keeps what came and went while the router made the list', async () => {
  const entries = new Entries();
  entries.add(1);
  entries.add(2);
  await entries.load(() => {
    // 3 joined behind the list, and 1, which is in it, has left since.
    entries.add(3);
    entries.remove(1);
    return Promise.resolve([1, 4]);
  });
  expect(entries.newest(0, 10)).toEqual([4, 3]);
  await entries.load(() => Promise.resolve([4, 5]));
  expect(entries.newest(0, 10)).toEqual([5, 4]);
});

it('keeps what it has when the router refuses the list', async () => {
  const entries = new Entries();
  entries.add(1);
  await expect(entries.load(() => Promise.reject(new Error('too many')))).rejects.toThrow('too many');
  expect(entries.newest(0, 10)).toEqual([1]);
  await entries.load(() => Promise.resolve([]));
  expect(entries.size).toBe(0);
});

it('forgets the details of an entry that is gone, and never remembers those of one that it has not', () => {
  const entries = new Entries();
  entries.add(1);
  entries.remember(1, { name: 'one' }, 5);
  expect(entries.get(1)).toEqual({ name: 'one', readMs: 5 });
  entries.remove(1);
  entries.remember(1, { name: 'late' }, 6);
  expect(entries.get(1)).toBeUndefined();
});

it('has a bound on its ids, and on what it remembers of them', () => {
  const entries = new Entries();
  for (let id = 1; id <= MAX_IDS + 10; id++) {
    entries.add(id);
    entries.remember(id, {}, id);
  }
  expect([entries.size, entries.isFull]).toEqual([MAX_IDS, true]);
  expect(entries.get(MAX_IDS - MAX_KNOWN)).toBeUndefined();
  expect(entries.get(MAX_IDS - MAX_KNOWN + 1)).toBeDefined();
  expect(entries.newest(2, 2)).toEqual([MAX_IDS - 2, MAX_IDS - 3]);
});

it('ignores a list that comes after a later one was asked for, or after all was cleared', async () => {
  const entries = new Entries();
  let answer: (ids: readonly number[]) => void = () => undefined;
  const slow = (): Promise<readonly number[]> => new Promise((resolve) => (answer = resolve));
  const first = entries.load(slow);
  const answerFirst = answer;
  const second = entries.load(slow);
  entries.remove(7);
  answerFirst([7, 8]);
  await first;
  expect(entries.size).toBe(0);
  answer([7, 9]);
  await second;
  expect(entries.newest(0, 10)).toEqual([9]);

  const third = entries.load(slow);
  entries.clear();
  answer([1]);
  await third;
  expect(entries.size).toBe(0);
});
