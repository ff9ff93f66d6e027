import { afterEach, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { GantryProcess } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';
import { parseMetrics, figure, type Figures } from './harness/metrics.js';
import { ownRedis } from './harness/scene.js';

const running: GantryProcess[] = [];
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.drop();
  for (const router of running) router.signal('SIGTERM');
  await Promise.all(running.splice(0).map(({ exit }) => exit));
});

/** More than Redis passes on to a node here, and less than a client may send. */
const LARGE = 'x'.repeat(900_000);
const SMALL = 'small';

async function start(backplane: string): Promise<{ url: string; router: GantryProcess; figures(): Promise<Figures> }> {
  const router = new GantryProcess(['--port', '0', '--ops-port', '0'], { GANTRY_BACKPLANE_URL: backplane });
  running.push(router);
  const url = await router.ready();
  const [, health = ''] = await router.printed('stdout', /operations +(\S+)/);
  const figures = async (): Promise<Figures> => parseMetrics(await (await fetch(new URL('/metrics', health))).text());
  return { url, router, figures };
}

async function join(url: string): Promise<RawClient> {
  const client = await RawClient.join(url, { realm: 'realm1' });
  clients.push(client);
  return client;
}

it('refuses by name what Redis would not pass on to another node, and nothing else is lost (G3, G4, G7)', async () => {
  const redis = await ownRedis({ args: ['--client-output-buffer-limit', 'pubsub 1mb 0 0'] });
  const [one, two] = [await start(redis.url), await start(redis.url)];
  await one.router.printed('stderr', /"reason":"small_buffer"/);
  const [near, far] = [await join(one.url), await join(two.url)];
  await far.subscribe('com.far');
  await near.subscribe('com.near');
  await far.register('com.far');

  // An event.
  near.send([Code.PUBLISH, 101, { acknowledge: true }, 'com.far', [LARGE]]);
  expect(await near.expect(Code.ERROR)).toEqual([
    Code.ERROR,
    Code.PUBLISH,
    101,
    expect.anything(),
    'wamp.error.limit_exceeded',
    expect.anything(),
  ]);
  near.send([Code.PUBLISH, 102, {}, 'com.far', [LARGE]]);
  // A call, while another crosses the same lane, and then its result.
  const pending = near.call('com.far', [SMALL]);
  const [, held] = await far.expect(Code.INVOCATION);
  const large = near.call('com.far', [LARGE]);
  expect((await near.expect(Code.ERROR)).slice(1, 5)).toEqual([
    Code.CALL,
    large,
    expect.anything(),
    'wamp.error.limit_exceeded',
  ]);
  const other = near.call('com.far', [SMALL]);
  const [, invocation] = await far.expect(Code.INVOCATION);
  far.send([Code.YIELD, invocation, {}, [LARGE]]);
  expect((await near.expect(Code.ERROR)).slice(1, 5)).toEqual([
    Code.CALL,
    other,
    expect.anything(),
    'wamp.error.limit_exceeded',
  ]);
  far.send([Code.YIELD, held, {}, [SMALL]]);
  expect((await near.expect(Code.RESULT))[1]).toBe(pending);
  // What nobody else wants may be as large as ever.
  const neighbour = await join(one.url);
  neighbour.send([Code.PUBLISH, 103, { acknowledge: true }, 'com.near', [LARGE]]);
  await neighbour.expect(Code.PUBLISHED);
  await near.expect(Code.EVENT);
  near.send([Code.PUBLISH, 104, { acknowledge: true }, 'com.far', [SMALL]]);
  await near.expect(Code.PUBLISHED);
  expect((await far.expect(Code.EVENT))[4]).toEqual([SMALL]);

  const [here, there] = [await one.figures(), await two.figures()];
  expect(figure(here, 'gantry_cluster_sends_refused_total{reason="too_large"}')).toBe(3);
  expect(figure(here, 'gantry_events_dropped_total{reason="too_large"}')).toBe(2);
  expect(figure(there, 'gantry_cluster_sends_refused_total{reason="too_large"}')).toBe(1);
  for (const page of [here, there]) {
    expect(figure(page, 'gantry_cluster_connections_lost_total{connection="subscriber"}')).toBe(0);
    expect(figure(page, 'gantry_cluster_lane_gaps_total{reason="sequence"}')).toBe(0);
  }
});
