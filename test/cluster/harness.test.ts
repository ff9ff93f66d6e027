import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { startScene } from './harness/scene.js';
import { forMs } from './harness/wait.js';

it('one router alone keeps every promise under the load of the fault tests', async () => {
  const scene = await startScene(undefined, { routerCount: 1 });
  await forMs(2_000);
  await scene.finish({ losesNoCall: true, noticeMs: 0, endingMs: 0, answerMs: 1_000 });
  const { sessions, publications, calls } = scene.journal;
  expect(publications.length).toBeGreaterThan(60);
  expect(calls.length).toBeGreaterThan(40);
  expect(sessions.flatMap(({ events }) => events).length).toBeGreaterThan(200);
});

it.each([
  ['close', 'closed 1012 the router restarts: connect again'],
  ['goodbye', 'wamp.close.system_shutdown'],
])(
  'everybody comes back when their router is killed or asked to go, and what that loses is explained: %s',
  async (farewell, farewellText) => {
    const scene = await startScene(undefined, { routerCount: 1, settings: [`drain.farewell=${farewell}`] });
    for (const end of ['kill', 'drain'] as const) {
      const old = scene.router(0);
      scene.sacrifice(old);
      const trouble = scene.trouble(old);
      await old[end]();
      await scene.fleet.startAt(0);
      await scene.sweep(5_000);
      trouble.over();
    }
    await scene.finish({ noticeMs: 0, endingMs: 500, answerMs: 1_000 });
    const reasons = new Set(scene.journal.sessions.map(({ ended }) => ended?.reason));
    expect(reasons).toContain(farewellText);
    expect(reasons).toContain('closed 1006');
  },
);

const EVENT: Kind = ([code]) => code === Code.EVENT;
const RESULT: Kind = ([code]) => code === Code.RESULT;
const FINAL_RESULT: Kind = ([code, , details]) => code === Code.RESULT && !('progress' in (details as object));
const INTERRUPT: Kind = ([code]) => code === Code.INTERRUPT;
const OFTEN = 10;
/** Messages that the router treats wrongly, at least. */
const ENOUGH = 2;
const LOST: Mischief = () => [];
const TWICE: Mischief = (message) => [message, message];

/** Whether a message is of this kind. */
type Kind = (elements: readonly unknown[]) => boolean;
type Mischief = (message: Buffer, connection: object) => Buffer[];

/** The message comes after the next one of its kind on its connection. */
function late(): Mischief {
  const kept = new WeakMap<object, Buffer>();
  return (message, connection) => {
    const earlier = kept.get(connection);
    if (earlier === undefined) kept.set(connection, message);
    else kept.delete(connection);
    return earlier === undefined ? [] : [message, earlier];
  };
}

it.each<[what: string, violation: RegExp, kind: Kind, every: number, mischief: Mischief]>([
  ['loses events', /^G4: .* never/m, EVENT, OFTEN, LOST],
  ['delivers events twice', /^G4: .* twice/m, EVENT, OFTEN, TWICE],
  ['lets events overtake one another', /^G1: /m, EVENT, 1, late()],
  ['loses results', /^G3: .* never ended/m, RESULT, 3, LOST],
  ['answers calls twice', /^G3: .* after its end/m, FINAL_RESULT, 3, TWICE],
  ['forgets to interrupt', /^DLR-11: /m, INTERRUPT, 2, LOST],
])('a router that %s is found out', async (_what, violation, isWanted, every, mischief) => {
  let count = 0;
  let isOn = false;
  const meddle = (elements: readonly unknown[], message: Buffer, connection: object): readonly Buffer[] =>
    isOn && isWanted(elements) && ++count % every === 0 ? mischief(message, connection) : [message];
  const scene = await startScene(undefined, { routerCount: 1, apps: false, settleMs: 1_200, meddle });
  isOn = true;
  await forMs(1_200);
  // On a busy machine few messages pass in that time.
  while (count < ENOUGH * every) await forMs(50);
  isOn = false;
  await expect(scene.finish({ noticeMs: 0, endingMs: 0, answerMs: 1_000 })).rejects.toThrow(violation);
});

it('routers that know nothing of each other are found out', async () => {
  const scene = startScene(undefined, { routerCount: 2, joinMs: 2_000, apps: false });
  await expect(scene).rejects.toThrow(/not everything works after/);
});
