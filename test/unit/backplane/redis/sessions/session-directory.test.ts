import { describe, expect, it } from 'vitest';
import { createKeys } from '../../../../../src/backplane/redis/keys.js';
import { BackplaneUnavailableError } from '../../../../../src/backplane/backplane.js';
import { NotCarriedOutError, type Script, type Store } from '../../../../../src/backplane/redis/ports.js';
import { packTestaments } from '../../../../../src/backplane/redis/sessions/rows.js';
import { SessionsDirectory } from '../../../../../src/backplane/redis/sessions/session-directory.js';
import { createClusterCounters } from '../../../../../src/telemetry/cluster-counters.js';
import type { NodeId, SessionId } from '../../../../../src/wamp/ids.js';
import { sessionOf } from '../../../../contract/backplane/samples.js';

const PER_STEP = 2;

/** `retries` receives the repairs that wait for their time. */
function directoryOver(store: Store, retries: (() => void)[] = []): SessionsDirectory {
  return new SessionsDirectory({
    node: 'n1' as NodeId,
    store,
    shards: createKeys({ prefix: 'p', database: 0 }).sessions,
    wallMs: () => 0,
    counters: createClusterCounters(),
    after: (_delayMs, action) => {
      retries.push(action);
      return () => undefined;
    },
    schedule: queueMicrotask,
    limits: { maxSessionsPerStep: PER_STEP, retryMs: 500 },
    events: { taken: () => undefined, failed: () => undefined },
  });
}

/** A store that has lost everything and grants every join; tests look in between. */
function scene() {
  const done: string[] = [];
  const hooks: (() => void)[] = [];
  const store: Store = {
    run: <Input, Reply>(script: Script<Input, Reply>, input: Input) => {
      const { argv } = script.encode(input);
      if (script.file === 'leave_sessions.lua') return Promise.resolve(script.decode(1));
      done.push(
        `${String(argv[1])} ${argv
          .slice(2)
          .filter((_, at) => at % 4 === 0)
          .join()}`,
      );
      hooks.shift()?.();
      const sessionCount = (argv.length - 2) / 4;
      return Promise.resolve(script.decode(Array.from({ length: sessionCount }, () => 1)));
    },
    scanSet: () => {
      throw new Error('not used');
    },
    async *scanHash() {
      yield await Promise.resolve([]);
    },
  };
  const sessions = directoryOver(store);
  return { sessions, done, hooks };
}

it('writes no session again once it was stopped: what this node has is being removed (G5)', async () => {
  const { sessions, done, hooks } = scene();
  // Of one shard.
  const joined = [1, 2, 3, 4, 5, 6].map((n) => sessions.join('r', sessionOf((16 * n) as SessionId)));
  expect(await Promise.all(joined)).toEqual([true, true, true, true, true, true]);
  done.length = 0;
  hooks.push(() => sessions.stop());
  await sessions.resync();
  expect(done).toEqual(['rejoin 16,32']);
});

it('writes no session again that has left meanwhile: its leave is published already (SMA-2)', async () => {
  const { sessions, done, hooks } = scene();
  await Promise.all([1, 2, 3, 4, 5, 6].map((n) => sessions.join('r', sessionOf((16 * n) as SessionId))));
  done.length = 0;
  hooks.push(() => [48, 80, 96].forEach((session) => sessions.leave(session as SessionId)));
  await sessions.resync();
  expect(done).toEqual(['rejoin 16,32', 'rejoin 64']);
});

/** A store that has the testaments of one shard and nothing else, and may fail. */
function testamentScene() {
  const stored = new Map<string, Uint8Array>();
  const failures: Error[] = [];
  const retries: (() => void)[] = [];
  let writeCount = 0;
  const store: Store = {
    run: <Input, Reply>(script: Script<Input, Reply>, input: Input) => {
      const { argv } = script.encode(input);
      if (script.file === 'leave_sessions.lua') return Promise.resolve(script.decode(1));
      if (script.file === 'join_sessions.lua')
        return Promise.resolve(script.decode(Array.from({ length: (argv.length - 2) / 4 }, () => 1)));
      writeCount++;
      const failure = failures.shift();
      if (failure !== undefined) return Promise.reject(failure);
      const [, session, testaments] = argv;
      if (testaments === '') stored.delete(String(session));
      else stored.set(String(session), testaments as Uint8Array);
      return Promise.resolve(script.decode(1));
    },
    scanSet: () => {
      throw new Error('not used');
    },
    async *scanHash(key) {
      yield await Promise.resolve(key.includes('testaments') && key.includes('{s:0}') ? [...stored] : []);
    },
  };
  const sessions = directoryOver(store, retries);
  const of = (session: SessionId): Uint8Array | undefined => stored.get(String(session));
  return { sessions, stored, of, failures, retries, writes: () => writeCount };
}

describe('testaments in the store', () => {
  const [one, two] = [16, 32] as SessionId[] as [SessionId, SessionId];
  const values = (...texts: string[]): Uint8Array[] => texts.map((text) => Buffer.from(text));

  it('are written again when the store has lost them, and those that should not be there are removed', async () => {
    const { sessions, stored, of, writes } = testamentScene();
    for (const session of [one, two]) await sessions.join('r', sessionOf(session));
    await sessions.setTestaments(one, values('a', 'b'));
    await sessions.setTestaments(two, values('c'));
    const kept = of(two);
    stored.delete(String(one));
    stored.set('48', packTestaments(values('of nobody')));
    const before = writes();
    await sessions.resync();
    expect(of(one)).toEqual(packTestaments(values('a', 'b')));
    expect(of(two)).toBe(kept);
    expect([...stored.keys()].sort()).toEqual(['16', '32']);
    expect(writes() - before).toBe(2);
  });

  it('are what was wanted last when a write was refused, after one repair', async () => {
    const { sessions, of, failures, retries } = testamentScene();
    await sessions.join('r', sessionOf(one));
    await sessions.setTestaments(one, values('a'));
    failures.push(new BackplaneUnavailableError('a write'), new BackplaneUnavailableError('the next'));
    await expect(sessions.setTestaments(one, values('a', 'b'))).rejects.toThrow(BackplaneUnavailableError);
    await expect(sessions.setTestaments(one, [])).rejects.toThrow(BackplaneUnavailableError);
    expect(of(one)).toEqual(packTestaments(values('a')));
    expect(retries).toHaveLength(1);
    retries[0]?.();
    await sessions.resync();
    expect(of(one)).toBeUndefined();
  });

  it('are written at the second attempt when the store had lost its scripts', async () => {
    const { sessions, of, failures, retries } = testamentScene();
    await sessions.join('r', sessionOf(one));
    failures.push(new NotCarriedOutError('a write'));
    await sessions.setTestaments(one, values('a'));
    expect(of(one)).toEqual(packTestaments(values('a')));
    expect(retries).toEqual([]);
  });

  it('are not written for a session that has left', async () => {
    const { sessions, writes } = testamentScene();
    await sessions.join('r', sessionOf(one));
    await sessions.setTestaments(one, values('a'));
    sessions.leave(one);
    await expect(sessions.setTestaments(one, values('b'))).rejects.toThrow(BackplaneUnavailableError);
    expect(writes()).toBe(1);
  });
});
