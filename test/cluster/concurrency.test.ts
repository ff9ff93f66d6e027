import { expect, it, onTestFinished } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { joinAutobahn } from '../interop/clients/autobahn-client.js';
import { RawClient } from '../support/raw-client.js';
import { Fleet } from './harness/fleet.js';
import { figure } from './harness/metrics.js';
import { ownRedis } from './harness/scene.js';
import { within } from './harness/wait.js';

const PROCEDURE = 'com.example.work';
const ANSWER_MS = 10_000;

/** What a callee works on until it is let go, and the most it ever worked on at once. */
class Desk {
  isQuick = false;
  most = 0;
  readonly #open: (() => void)[] = [];

  get count(): number {
    return this.#open.length;
  }

  readonly work = (): Promise<{ args: unknown[] }> =>
    new Promise((resolve) => {
      this.#open.push(() => resolve({ args: ['done'] }));
      this.most = Math.max(this.most, this.count);
      if (this.isQuick) this.finishOne();
    });

  finishOne(): void {
    this.#open.shift()?.();
  }
}

type GiveUp = (caller: RawClient) => Promise<unknown>;

const GIVING_UP: readonly GiveUp[] = [
  async (caller) => {
    caller.call(PROCEDURE, [], { timeout: 50 });
    await caller.expect(Code.ERROR);
    await caller.close();
  },
  ...['skip', 'killnowait', 'kill'].map((mode): GiveUp => async (caller) => {
    caller.send([Code.CANCEL, caller.call(PROCEDURE), { mode }]);
    await caller.expect(Code.ERROR);
    await caller.close();
  }),
  (caller) => {
    caller.call(PROCEDURE);
    return caller.close();
  },
];

// autobahn-js announces no call_canceling as a callee, so that nothing but its answer shows when it has done with a call.
it('gives a callee one call at a time, however its callers on another node give up, and the next when it has answered (concurrency)', async () => {
  const redis = await ownRedis();
  const fleet = new Fleet({ routerCount: 2, prefix: 'concurrency', backplane: () => redis.url });
  onTestFinished(() => fleet.kill());
  await fleet.start();
  const [there, here] = fleet.routers as [Fleet['routers'][0], Fleet['routers'][0]];
  const desk = new Desk();
  const callee = await joinAutobahn(there.url, 'json');
  await callee.register(PROCEDURE, desk.work, { invoke: 'roundrobin', concurrency: 1 });

  for (const giveUp of GIVING_UP) {
    // The answer to the call before may be under way still.
    await within(ANSWER_MS, 'a call that its caller gave up is worked on', async () => {
      if (desk.count === 0) await giveUp(await RawClient.join(here.url));
      return desk.count > 0;
    });
    for (const again of GIVING_UP) await again(await RawClient.join(here.url));
    desk.finishOne();
  }
  desk.isQuick = true;
  const caller = await RawClient.join(here.url);
  await within(ANSWER_MS, 'the callee takes another call', async () => {
    caller.call(PROCEDURE);
    return (await caller.receive())[0] === Code.RESULT;
  });
  expect(desk.most).toBe(1);
  expect(figure(await there.figures(), 'gantry_abandoned_invocations')).toBe(0);
  await Promise.all([callee.leave(), caller.close()]);
});
