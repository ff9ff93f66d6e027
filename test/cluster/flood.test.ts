import { expect, it, onTestFinished } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ALL_ROLES } from '../support/raw-client.js';
import { maskedFrame, RawSocket } from '../support/raw-socket.js';
import { figure } from './harness/metrics.js';
import { ownRedis, startScene } from './harness/scene.js';
import { HEALED_MS, TIMINGS } from './harness/timings.js';

it('a node that one client floods for longer than its lease keeps its lease and its sessions (G11)', async () => {
  const redis = await ownRedis();
  const scene = await startScene(redis);
  const victim = scene.router(0);
  const flooder = await RawSocket.open(victim.url, 'wamp.2.json');
  onTestFinished(() => flooder.drop());
  flooder.write(frame([Code.HELLO, 'realm1', { roles: ALL_ROLES }]));
  await flooder.receiveFrame();

  // On a machine with no time to spare a call may take too long; nobody may be lost.
  const trouble = scene.trouble(victim);
  const publications = Array<Buffer>(2_000).fill(frame([Code.PUBLISH, 1, {}, 'a.b']));
  await flooder.flood(Buffer.concat(publications), 2 * TIMINGS.leaseMs);
  flooder.write(frame([Code.GOODBYE, {}, 'wamp.close.normal']));
  // Pings of the router are empty.
  let answer = await flooder.receiveFrame();
  while (answer?.length === 0) answer = await flooder.receiveFrame();
  expect(JSON.parse(answer!.toString())).toMatchObject([Code.GOODBYE, {}, 'wamp.close.goodbye_and_out']);
  flooder.drop();

  expect(figure(await victim.figures(), 'gantry_messages_deferred_total')).toBeGreaterThan(0);
  await scene.sweep(HEALED_MS);
  trouble.over();
  expect(await scene.reapedCount()).toBe(0);
  expect(victim.lives).toHaveLength(1);
  expect(scene.journal.sessions.filter(({ ended }) => ended !== undefined)).toEqual([]);
  await scene.finish();
});

function frame(message: unknown[]): Buffer {
  return maskedFrame('json', Buffer.from(JSON.stringify(message)));
}
