import { expect, it } from 'vitest';
import { ScriptOrder } from '../../../../../src/backplane/redis/connection/script-order.js';
import { StoreReplyError } from '../../../../../src/backplane/redis/connection/store-errors.js';

/** Replies in the order asked, as a store gives them; `missing` has not the script. */
function scene() {
  const order = new ScriptOrder();
  const asked: string[] = [];
  const replies: ((outcome: 'done' | 'missing') => void)[] = [];
  const run = (tag: string, name: string, isRead = false): Promise<unknown> =>
    order.run({
      tag,
      isRead,
      ask: (isRepeated) => {
        asked.push(isRepeated ? `${name} with its script` : name);
        return new Promise((resolve, reject) => {
          replies.push((outcome) => {
            if (outcome === 'done') resolve(name);
            else reject(new StoreReplyError('NOSCRIPT No matching script'));
          });
        });
      },
      load: () => asked.push(`load ${name}`),
    });
  const reply = async (...outcomes: ('done' | 'missing')[]): Promise<void> => {
    for (const outcome of outcomes) replies.shift()!(outcome);
    await new Promise(setImmediate);
  };
  return { run, asked, reply };
}

it('asks again what was not done, in the order asked, and before what has come meanwhile', async () => {
  const { run, asked, reply } = scene();
  const results = [run('{a}', 'one'), run('{a}', 'two')];
  await reply('missing');
  results.push(run('{a}', 'three'));
  expect(asked).toEqual(['one', 'two']);
  await reply('missing');
  expect(asked.slice(2)).toEqual(['one with its script', 'two with its script', 'three']);
  await reply('done', 'done', 'done');
  expect(await Promise.all(results)).toEqual(['one', 'two', 'three']);
});

it('gives up what was not done when something later was, on the same rows; not on others', async () => {
  const { run, asked, reply } = scene();
  const given = run('{a}', 'one');
  const [other, later] = [run('{b}', 'two'), run('{a}', 'three')];
  given.catch(() => undefined);
  await reply('missing', 'missing', 'done');
  await expect(given).rejects.toThrow('NOSCRIPT');
  expect(await later).toBe('three');
  // The script of what was given up is loaded too: a caller that repeats both commands would fail for ever without it.
  expect(asked.slice(3)).toEqual(['load one', 'two with its script']);
  await reply('done');
  expect(await other).toBe('two');
});

it('repeats a reading behind a change of the same rows that was not carried out, and no other', async () => {
  const { run, asked, reply } = scene();
  const before = run('{a}', 'reading before', true);
  const results = [run('{a}', 'change'), run('{a}', 'reading behind', true)];
  const other = run('{b}', 'reading elsewhere', true);
  await reply('done', 'missing', 'done', 'done');
  expect(await Promise.all([before, other])).toEqual(['reading before', 'reading elsewhere']);
  expect(asked.slice(4)).toEqual(['change with its script', 'reading behind with its script']);
  await reply('done', 'done');
  expect(await Promise.all(results)).toEqual(['change', 'reading behind']);
});

it('a reading keeps its reply when the change before it is given up', async () => {
  const { run, asked, reply } = scene();
  const given = run('{a}', 'change');
  given.catch(() => undefined);
  const [reading, later] = [run('{a}', 'reading', true), run('{a}', 'later change')];
  await reply('missing', 'done', 'done');
  await expect(given).rejects.toThrow('NOSCRIPT');
  expect(await Promise.all([reading, later])).toEqual(['reading', 'later change']);
  expect(asked.slice(3)).toEqual(['load change']);
});

it('does not repeat a command that the store refuses although its script came with it', async () => {
  const { run, asked, reply } = scene();
  const running = run('{a}', 'one');
  running.catch(() => undefined);
  await reply('missing');
  await reply('missing');
  await expect(running).rejects.toThrow('NOSCRIPT');
  expect(asked).toEqual(['one', 'one with its script']);
});
