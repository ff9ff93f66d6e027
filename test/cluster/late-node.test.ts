import { expect, it, onTestFinished } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { RawClient } from '../support/raw-client.js';
import type { RedisServer } from '../support/redis.js';
import { Fleet } from './harness/fleet.js';
import { ownRedis } from './harness/scene.js';
import { TIMINGS } from './harness/timings.js';
import { forMs, within } from './harness/wait.js';

const PREFIX = 'late';
/** Whatever a test waits for happens before a wait for other nodes is given up. */
const PATIENT = ['backplane.cluster.barrierTimeoutMs=120000', 'backplane.cluster.takeoverTimeoutMs=60000'];

interface Scene {
  readonly redis: RedisServer;
  readonly proxy: FaultProxy;
  readonly fleet: Fleet;
}

/** Two nodes at the store, and one that reaches it through a proxy. */
async function start(): Promise<Scene> {
  const redis = await ownRedis();
  const proxy = await startFaultProxy(redis.port);
  onTestFinished(() => proxy.stop());
  const backplane = (index: number): string => (index === 2 ? proxy.url : redis.url);
  const fleet = new Fleet({ routerCount: 3, prefix: PREFIX, backplane, settings: PATIENT });
  onTestFinished(() => fleet.kill());
  await fleet.start();
  return { redis, proxy, fleet };
}

/** The membership declares nobody dead until this is taken back. */
async function setGrace({ redis }: Scene, untilMs: number): Promise<void> {
  await redis.command('HSET', `${PREFIX}:{nodes}:meta`, 'graceUntilMs', untilMs);
}

/** The store is emptied while the third node is cut off, and stays so for longer than a lease; nobody has decided about it. */
async function emptiedWithoutThird(scene: Scene): Promise<void> {
  const { redis, proxy, fleet } = scene;
  await proxy.cut();
  await redis.flushAll();
  const present = fleet.routers.slice(0, 2).map(({ node }) => node);
  await within(20_000, 'the others have entered again', async () => {
    const alive = (await redis.command('HKEYS', `${PREFIX}:{nodes}:alive`)) as string[];
    // The first renewal begins a grace of its own.
    const hasRenewed = await redis.command('HEXISTS', `${PREFIX}:{nodes}:meta`, 'renewedAtMs');
    return [...present.filter((node) => !alive.includes(node)), ...(hasRenewed === 1 ? [] : ['no renewal'])];
  });
  await setGrace(scene, Date.now() + 3_600_000);
  await forMs(3 * TIMINGS.leaseMs);
}

it('answers no SUBSCRIBE and no REGISTER before a node knows that comes back late to an emptied store (G2, G4)', async () => {
  const scene = await start();
  const [first, second, late] = await Promise.all(scene.fleet.routers.map(({ url }) => RawClient.join(url)));
  const holder = await RawClient.join(scene.fleet.routers[2]!.url);
  await holder.register('com.example.held');
  await emptiedWithoutThird(scene);

  const subscribing = first!.subscribe('com.example.topic');
  const registering = second!.register('com.example.procedure');
  const taker = await RawClient.join(scene.fleet.routers[1]!.url);
  const taken = taker.register('com.example.held');
  const answered: string[] = [];
  void subscribing.then(() => answered.push('subscribed'));
  void registering.then(() => answered.push('registered'));
  void taken.then(
    () => answered.push('taken'),
    () => answered.push('refused'),
  );
  await forMs(2_000);
  expect(answered).toEqual([]);

  await scene.proxy.heal();
  await subscribing;
  const publication = await late!.publishAcknowledged('com.example.topic', ['for all']);
  const event = await first!.expect(Code.EVENT);
  expect(event[2]).toBe(publication);
  await registering;
  late!.call('com.example.procedure');
  const invocation = await second!.expect(Code.INVOCATION);
  second!.send([Code.YIELD, invocation[1], {}, ['done']]);
  expect((await late!.expect(Code.RESULT))[3]).toEqual(['done']);
  expect(scene.fleet.routers[2]!.lives).toHaveLength(1);
});

it('answers them when such a node has been declared dead, which fences it when it comes back (G2, G5)', async () => {
  const scene = await start();
  const [first, , late] = await Promise.all(scene.fleet.routers.map(({ url }) => RawClient.join(url)));
  await emptiedWithoutThird(scene);
  const { node } = scene.fleet.routers[2]!;
  const subscribing = first!.subscribe('com.example.topic');
  await setGrace(scene, 0);
  await subscribing;
  for (const router of scene.fleet.routers.slice(0, 2))
    await within(20_000, 'it has been declared dead', () =>
      router.logged('backplane.node_gone').some(({ fields }) => fields['peer'] === node),
    );
  await scene.proxy.heal();
  expect((await late!.closed).code).toBe(1012);
  await within(20_000, 'it lives again, as another node', () => scene.fleet.routers[2]!.lives.length === 2);
});
