import { expect, it, onTestFinished } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { AppError, type AppClient } from '../interop/clients/app-client.js';
import { joinAutobahn } from '../interop/clients/autobahn-client.js';
import { RawClient } from '../support/raw-client.js';
import { Fleet } from './harness/fleet.js';
import { figure } from './harness/metrics.js';
import type { Router } from './harness/router.js';
import { ownRedis } from './harness/scene.js';
import { LONG_LEASE } from './harness/timings.js';
import { within } from './harness/wait.js';

const TAKEN = 'com.example.taken';

const ANYBODY_TAKES = `realms=${JSON.stringify([
  {
    name: 'realm1',
    allowForceReregister: true,
    roles: [
      {
        name: 'anonymous',
        permissions: [
          { uri: '', match: 'prefix', allow: { call: true, register: true, publish: true, subscribe: true } },
        ],
      },
    ],
  },
])}`;

/** A callee, one whose procedure it takes, and a caller; the last node has stopped, so that a REGISTER waits for it. */
async function waitingFor<Old>(joinOld: (url: string) => Promise<Old>) {
  const redis = await ownRedis();
  const fleet = new Fleet({
    routerCount: 3,
    prefix: 'waiting',
    backplane: () => redis.url,
    settings: [ANYBODY_TAKES, ...LONG_LEASE],
  });
  onTestFinished(() => fleet.kill());
  await fleet.start();
  const [here, there, stopped] = fleet.routers as [Router, Router, Router];
  const callee = await RawClient.join(here.url);
  await callee.register('com.example.healthy');
  const old = await joinOld(there.url);
  stopped.pause();
  const requests = {
    fresh: callee.request(Code.REGISTER, {}, 'com.example.fresh'),
    force: callee.request(Code.REGISTER, { force_reregister: true }, TAKEN),
  };
  const pendingCount = async (): Promise<number> =>
    figure(await here.figures(), 'gantry_cluster_pending_barriers') ?? 0;
  for (let count = 0; count < 2; count = await pendingCount());
  return { callee, old, redis, here, stopped, requests };
}

/** Calls and has the callee answer: who was called is who answers. */
async function served(caller: RawClient, procedure: string, callee: RawClient): Promise<void> {
  const request = caller.call(procedure);
  const [, invocation] = await callee.expect(Code.INVOCATION);
  callee.send([Code.YIELD, invocation, {}]);
  expect((await caller.expect(Code.RESULT))[1]).toBe(request);
}

async function refused(caller: RawClient, procedure: string): Promise<void> {
  const request = caller.call(procedure);
  expect(await caller.receive()).toEqual([
    Code.ERROR,
    Code.CALL,
    request,
    {},
    ErrorUri.NO_SUCH_PROCEDURE,
    expect.any(Array),
  ]);
}

it('keeps nobody’s calls waiting while a REGISTER waits for a node that does not answer (G2, ORD-3, ORD-4)', async () => {
  let taken: number | undefined;
  const { callee, old, here, stopped, requests } = await waitingFor(async (url) => {
    const client = await RawClient.join(url);
    taken = await client.register(TAKEN);
    return client;
  });
  const caller = await RawClient.join(here.url);
  // All of this comes before REGISTERED, in whatever time it takes.
  await refused(caller, 'com.example.fresh');
  await served(caller, 'com.example.healthy', callee);
  await served(caller, TAKEN, old);
  await served(caller, 'com.example.healthy', callee);

  await stopped.kill();
  const answers = [await callee.expect(Code.REGISTERED), await callee.expect(Code.REGISTERED)];
  expect(answers.map(([, request]) => request).sort()).toEqual([requests.fresh, requests.force]);
  await served(caller, 'com.example.fresh', callee);
  await served(caller, TAKEN, callee);
  expect(await old.receive()).toEqual([Code.UNREGISTERED, 0, expect.objectContaining({ registration: taken })]);
  await served(old, TAKEN, callee);
  await Promise.all([callee, caller, old].map((client) => client.close()));
});

it.each(['kept', 'lost'] as const)(
  'leaves a procedure with its callee when a take-over fails because Redis stops, its data %s (G6)',
  async (data) => {
    const { callee, old, redis, here, stopped, requests } = await waitingFor(async (url) => {
      const client = await joinAutobahn(url, 'json');
      await client.register(TAKEN, () => ({ args: ['old'] }));
      return client;
    });
    await redis.restart({ keepData: data === 'kept' });
    expect((await callee.receive()).slice(0, 3)).toEqual([Code.ERROR, Code.REGISTER, requests.force]);
    stopped.resume();
    expect((await callee.receive()).slice(0, 2)).toEqual([Code.REGISTERED, requests.fresh]);

    const callers = await Promise.all([here, stopped].map(({ url }) => joinAutobahn(url, 'json')));
    for (const caller of callers) await within(10_000, 'it is called again', () => isAnswered(caller));
    await callee.register(TAKEN, { force_reregister: true });
    const far = await RawClient.join(stopped.url);
    await served(far, TAKEN, callee);
    await Promise.all([...callers.map((client) => client.leave()), old.leave(), callee.close(), far.close()]);
  },
);

/** By its old callee. False: other nodes are out of reach still. */
async function isAnswered(caller: AppClient): Promise<boolean> {
  try {
    expect((await caller.call(TAKEN).result).args).toEqual(['old']);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.uri === ErrorUri.NETWORK_FAILURE) return false;
    throw error;
  }
}
