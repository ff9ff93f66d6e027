import { expect, it, onTestFinished } from 'vitest';
import type { AppClient } from '../interop/clients/app-client.js';
import { joinAutobahn } from '../interop/clients/autobahn-client.js';
import { joinWampy } from '../interop/clients/wampy-client.js';
import { RawClient } from '../support/raw-client.js';
import { Fleet } from './harness/fleet.js';
import { figure } from './harness/metrics.js';
import { ownRedis } from './harness/scene.js';

async function fleetOfThree(): Promise<Fleet> {
  const redis = await ownRedis();
  const fleet = new Fleet({ routerCount: 3, prefix: 'takeover', backplane: () => redis.url });
  onTestFinished(() => fleet.kill());
  await fleet.start();
  return fleet;
}

const answering = (name: string) => () => ({ args: [name] });

it.each(['kill', 'pause'] as const)(
  'gives the procedures of a node after its end (%s) to the clients that have registered them meanwhile, and have asked once',
  async (how) => {
    const fleet = await fleetOfThree();
    const [victim, second, third] = fleet.routers as [Fleet['routers'][0], Fleet['routers'][0], Fleet['routers'][0]];
    const holder = await joinAutobahn(victim.url, 'json');
    const procedures = ['com.example.autobahn', 'com.example.wampy'];
    for (const procedure of procedures) await holder.register(procedure, answering('holder'));

    await victim[how]();
    const successors: AppClient[] = [await joinAutobahn(second.url, 'json'), await joinWampy(third.url, 'json')];
    await Promise.all(
      successors.map((successor, at) => successor.register(procedures[at]!, answering(`successor ${at}`))),
    );
    // Each answers calls from the node of the other as soon as it has received REGISTERED (G2).
    for (const [at, procedure] of procedures.entries())
      expect((await successors[1 - at]!.call(procedure).result).args).toEqual([`successor ${at}`]);

    const page = await second.figures();
    expect(figure(page, 'gantry_cluster_takeovers_total{outcome="granted"}')).toBe(1);
    await Promise.all(successors.map((successor) => successor.leave()));
  },
);

it('gives the procedure of a session to another right after its connection was dropped, on any node', async () => {
  const fleet = await fleetOfThree();
  const watcher = await RawClient.join(fleet.routers[0]!.url);
  let holder = await RawClient.join(fleet.routers[0]!.url);
  await holder.register('com.example.procedure');
  for (let round = 1; round <= 30; round++) {
    const successor = await RawClient.join(fleet.routers[round % 3]!.url);
    holder.drop();
    await successor.register('com.example.procedure');
    holder = successor;
  }
  await expect(watcher.register('com.example.procedure')).rejects.toThrow();
  for (const client of [watcher, holder]) await client.close();
});
