import { expect, it } from 'vitest';
import { createKeys } from '../../../../../src/backplane/redis/keys.js';
import type { Script, Store } from '../../../../../src/backplane/redis/ports.js';
import { SessionsDirectory } from '../../../../../src/backplane/redis/sessions/session-directory.js';
import { createClusterCounters } from '../../../../../src/telemetry/cluster-counters.js';
import type { NodeId, SessionId } from '../../../../../src/wamp/ids.js';
import { sessionOf } from '../../../../contract/backplane/samples.js';

const PER_STEP = 2;

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
  const sessions = new SessionsDirectory({
    node: 'n1' as NodeId,
    store,
    shards: createKeys({ prefix: 'p', database: 0 }).sessions,
    wallMs: () => 0,
    counters: createClusterCounters(),
    after: () => () => undefined,
    schedule: queueMicrotask,
    limits: { maxSessionsPerStep: PER_STEP, retryMs: 500 },
    events: { taken: () => undefined, failed: () => undefined },
  });
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
