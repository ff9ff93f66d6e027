import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeys } from '../../../../src/backplane/redis/keys.js';
import type { Store } from '../../../../src/backplane/redis/ports.js';
import {
  claimProcedure,
  completeTakeover,
  enterRealm,
  releaseCallees,
  type ClaimProcedure,
} from '../../../../src/backplane/redis/realm/scripts.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';

const REALM = 'realm.one';
const node = 'n-1' as NodeId;
const MEMBER = 'exact com.shared';
const keys = createKeys({ prefix: 'cost', database: 0 });
const step = { keys: keys.realm(REALM), channel: keys.channels.realm(REALM), node, floor: 0 };
/** Session ids of one length: their digits are bytes too. */
const FIRST_SESSION = 1_000_000;

/** What one step costs the server: commands by name, bytes of its log of changes and of what it publishes. */
interface Cost {
  readonly commands: Readonly<Record<string, number>>;
  readonly bytes: number;
}

describe('a callee of a procedure that has many', () => {
  let redis: RedisServer;
  let store: Store;
  let session = FIRST_SESSION;
  beforeAll(async () => {
    redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'no', '--dir', '{folder}'] });
    store = redis.plainStore();
    await store.run(enterRealm, step);
  });
  afterAll(() => redis.stop());

  const claim = (overrides: Partial<ClaimProcedure> = {}) =>
    store.run(claimProcedure, {
      ...step,
      member: MEMBER,
      id: 7,
      invoke: 'roundrobin',
      session: session++,
      rest: [0, 0, 0],
      force: false,
      ...overrides,
    });
  const release = (of: number) => store.run(releaseCallees, { ...step, callees: new Map([[MEMBER, [of]]]) });
  const reach = async (count: number): Promise<void> => {
    while (session < FIRST_SESSION + count) await Promise.all(Array.from({ length: 100 }, () => claim()));
  };
  const info = async (section: string, pattern: RegExp): Promise<[string, number][]> => {
    const text = String(await redis.command('INFO', section));
    return [...text.matchAll(pattern)].map(([, name = '', value]) => [name, Number(value)]);
  };
  const changedBytes = async (): Promise<number> => (await info('persistence', /(aof_current_size):(\d+)/g))[0]![1];
  const costOf = async (act: () => Promise<unknown>): Promise<Cost> => {
    const before = await changedBytes();
    await redis.command('CONFIG', 'RESETSTAT');
    await act();
    const calls = await info('commandstats', /cmdstat_([\w|]+):calls=(\d+)/g);
    const commands = Object.fromEntries(calls.filter(([name]) => !/^(info|config|eval)/.test(name)));
    return { commands, bytes: (await changedBytes()) - before };
  };

  it('is claimed, taken over by force and released at the same cost as one of ten', async () => {
    const measure = async () => {
      const claimed = await costOf(() => claim());
      const refused = await costOf(() => claim({ invoke: 'first' }));
      const released = await costOf(() => release(session - 2));
      return { claimed, refused, released };
    };
    await reach(100);
    const few = await measure();
    await reach(5_000);
    const many = await measure();
    for (const what of ['claimed', 'refused', 'released'] as const) {
      expect(many[what].commands, what).toEqual(few[what].commands);
      // The version of the realm, and what holds it, have more digits.
      expect(Math.abs(many[what].bytes - few[what].bytes), what).toBeLessThan(32);
    }
    expect(few.claimed.bytes).toBeGreaterThan(0);
    for (const command of ['hgetall', 'hscan']) expect(many.claimed.commands).not.toHaveProperty(command);

    const taking = session;
    const offered = await costOf(() => claim({ force: true }));
    const completed = await costOf(() => store.run(completeTakeover, { ...step, member: MEMBER, session: taking }));
    expect(offered.bytes).toBeLessThan(2 * few.claimed.bytes);
    expect(completed.bytes).toBeLessThan(2 * few.claimed.bytes);
    expect(await redis.command('HLEN', step.keys.callees(MEMBER))).toBe(1);
  });
});
