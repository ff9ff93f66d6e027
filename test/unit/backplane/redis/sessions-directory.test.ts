import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../src/backplane/backplane.js';
import { createKeys } from '../../../../src/backplane/redis/keys.js';
import type { Script, Store } from '../../../../src/backplane/redis/ports.js';
import { SessionsDirectory } from '../../../../src/backplane/redis/sessions-directory.js';
import { createClusterCounters } from '../../../../src/telemetry/cluster-counters.js';
import type { NodeId, SessionId } from '../../../../src/wamp/ids.js';
import { identityOf } from '../../../contract/backplane/samples.js';
import { VirtualTime } from '../../../simulation/virtual-time.js';
import { RealmTwin } from '../../../support/realm-twin.js';

const keys = createKeys({ prefix: 'p', database: 0 }).sessions;

let time: VirtualTime;
let twin: RealmTwin;
let one: Member;
let two: Member;
beforeEach(() => {
  time = new VirtualTime();
  twin = new RealmTwin(() => undefined);
  one = new Member('n1');
  two = new Member('n2');
});

/** A node with a store that a test can take away before or after a step is done. */
class Member {
  readonly id: NodeId;
  readonly steps: string[] = [];
  readonly taken: SessionId[] = [];
  readonly failures: unknown[] = [];
  readonly counters = createClusterCounters();
  readonly sessions: SessionsDirectory;
  fate: 'fine' | 'away' | 'reply lost' | 'refused' = 'fine';

  constructor(name: string) {
    this.id = name as NodeId;
    const store: Store = {
      run: <Input, Reply>(script: Script<Input, Reply>, input: Input) => this.#run(script, input),
      scanSet: () => {
        throw new Error('no sets here');
      },
      scanHash: (key) => this.#scan(key),
    };
    this.sessions = new SessionsDirectory({
      node: this.id,
      store,
      keys,
      counters: this.counters,
      after: (delayMs, action) => time.after(delayMs, action),
      schedule: (flush) => void time.after(0, flush),
      limits: { maxSessionsPerStep: 500, retryMs: 500 },
      events: {
        taken: (_realm, session) => this.taken.push(session),
        failed: (operation) => this.failures.push(operation),
      },
    });
  }

  join(session: number, realm = 'r'): Promise<boolean> {
    return this.sessions.join(realm, identityOf(session as SessionId));
  }

  leave(session: number): void {
    this.sessions.leave(session as SessionId);
  }

  get stored(): string[] {
    return twin
      .fields(keys.of(this.id))
      .map(([session]) => session)
      .sort();
  }

  #run<Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply> {
    if (this.fate === 'away') return Promise.reject(new BackplaneUnavailableError('not connected'));
    if (this.fate === 'refused') return Promise.reject(new Error('OOM command not allowed'));
    const { keys: all, argv } = script.encode(input);
    this.steps.push(script.file);
    const reply = script.decode(twin.eval(script.file, all, argv));
    return this.fate === 'fine' ? Promise.resolve(reply) : Promise.reject(new BackplaneUnavailableError('reply lost'));
  }

  async *#scan(key: string): AsyncGenerator<readonly (readonly [string, string])[]> {
    if (this.fate !== 'fine') throw new BackplaneUnavailableError('not connected');
    await Promise.resolve();
    yield twin.fields(key);
  }
}

async function pass(durationMs: number): Promise<void> {
  await time.advanceTo(time.nowMs + durationMs, () => undefined);
}

async function after<T>(promise: Promise<T>, durationMs = 10): Promise<T> {
  promise.catch(() => undefined);
  await pass(durationMs);
  return promise;
}

describe('the sessions of a node', () => {
  it('are entered once in the cluster (SES-2), those of a turn in one step', async () => {
    const joins = Promise.all([1, 2, 3].map((session) => one.join(session)));
    expect(await after(joins)).toEqual([true, true, true]);
    expect(one.steps).toEqual(['join_sessions.lua']);
    expect(await after(Promise.all([two.join(2), two.join(4)]))).toEqual([false, true]);
    expect([one.sessions.count, two.sessions.count]).toEqual([3, 1]);
    expect(twin.command('HGET', keys.of(one.id), '1')).toBe(
      '{"v":1,"realm":"r","authid":"authid-1","authrole":"anonymous"}',
    );
  });

  it('are entered 500 per step', async () => {
    const joins = Array.from({ length: 1_200 }, (_, index) => one.join(index + 1));
    expect((await after(Promise.all(joins))).every(Boolean)).toBe(true);
    expect(one.steps).toHaveLength(3);
  });

  it('that are here already are taken without a question', async () => {
    const joins = [one.join(1), one.join(1)];
    expect(await after(Promise.all(joins))).toEqual([true, false]);
    expect(await one.join(1)).toBe(false);
  });

  it('leave and join in the order said, also within a turn', async () => {
    await after(one.join(1));
    one.leave(1);
    expect(await after(one.join(1))).toBe(true);
    const joining = one.join(2);
    one.leave(2);
    const again = one.join(2);
    expect(await after(Promise.all([joining, again]))).toEqual([true, true]);
    one.leave(2);
    one.leave(1);
    one.sessions.flush();
    expect(await after(two.join(1))).toBe(true);
    expect([one.stored, one.sessions.count]).toEqual([[], 0]);
  });

  it('all leave with their realm, the others stay', async () => {
    await after(Promise.all([one.join(1, 'a'), one.join(2, 'b'), one.join(3, 'a')]));
    one.sessions.leaveRealm('a');
    await pass(10);
    expect(one.stored).toEqual(['2']);
  });

  it('are refused at once while the node is cut off, and their leaving takes effect on return', async () => {
    await after(Promise.all([one.join(1), one.join(2)]));
    const joining = one.join(3);
    one.leave(1);
    one.fate = 'away';
    one.sessions.cutOff();
    await expect(after(joining)).rejects.toThrow(BackplaneUnavailableError);
    await expect(one.join(4)).rejects.toThrow(BackplaneUnavailableError);
    one.leave(2);
    await pass(5_000);
    expect(one.stored).toEqual(['1', '2']);
    one.fate = 'fine';
    await after(one.sessions.resync());
    expect([one.stored, await after(two.join(1))]).toEqual([[], true]);
  });

  it('whose entry was done without a word leave nothing', async () => {
    one.fate = 'reply lost';
    await expect(after(one.join(1))).rejects.toThrow(BackplaneUnavailableError);
    expect(one.stored).toEqual(['1']);
    one.fate = 'fine';
    await pass(1_000);
    expect([one.stored, one.sessions.count, await after(two.join(1))]).toEqual([[], 0, true]);
  });

  it('whose leaving failed leave later', async () => {
    await after(one.join(1));
    one.fate = 'refused';
    one.leave(1);
    await pass(100);
    one.fate = 'fine';
    await pass(1_000);
    expect([one.stored, one.failures]).toEqual([[], ['write of sessions']]);
  });

  it('are entered again when the store has lost them, but for those whose id has been taken', async () => {
    await after(Promise.all([one.join(1), one.join(2), one.join(3)]));
    twin.flushAll();
    await after(two.join(2));
    const joining = one.join(4);
    await after(one.sessions.resync());
    expect(await joining).toBe(true);
    expect([one.stored, one.taken, one.sessions.count]).toEqual([['1', '3', '4'], [2], 3]);
    expect(two.stored).toEqual(['2']);
  });

  it('do not outlive a leaving while they are entered again', async () => {
    await after(Promise.all([one.join(1), one.join(2)]));
    twin.flushAll();
    const resyncing = one.sessions.resync();
    one.leave(1);
    await after(resyncing);
    await pass(1_000);
    expect(one.stored).toEqual(['2']);
  });

  it('tell whoever waits when the node stops', async () => {
    const joining = one.join(1);
    one.sessions.stop();
    one.sessions.stop();
    await expect(after(joining)).rejects.toThrow(BackplaneUnavailableError);
    await expect(one.join(2)).rejects.toThrow(BackplaneUnavailableError);
    await one.sessions.resync();
    expect(twin.keys).toEqual([]);
  });

  it('are counted when their rows are not understood', async () => {
    twin.command('HSET', keys.of(one.id), 'nonsense', '{}');
    await after(one.sessions.resync());
    expect(one.counters.rowsIgnored.shape).toBe(1);
  });
});
