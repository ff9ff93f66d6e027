import { expect, it } from 'vitest';
import { sessionProcedures } from '../../../../src/realm/meta/meta-sessions.js';
import { Lists } from '../../../../src/realm/meta/meta-question.js';
import type { MetaSources } from '../../../../src/realm/meta/meta-handlers.js';
import { RecentlyLeft } from '../../../../src/realm/sessions/recently-left.js';
import type { ProcedureCall } from '../../../../src/realm/router-procedures.js';
import type { SessionId } from '../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { META_LIMITS } from '../../../support/meta-limits.js';
import { Scene } from '../../../support/realm-scene.js';

const LEFT = 'wamp.session.on_leave';
const [ONE, TWO] = [1, 2] as SessionId[] as [SessionId, SessionId];

it('a session that has left is neither found nor listed while the store still has its row (SMA-3)', async () => {
  const rows = [ONE, TWO].map((session) => ({ session }));
  async function* list() {
    yield await Promise.resolve(rows);
  }
  const get = (_realm: string, session: SessionId) => Promise.resolve(rows.find((row) => row.session === session));
  const left = new RecentlyLeft(() => 0, expect.unreachable);
  const sources = {
    realm: 'com.realm',
    backplane: { directory: { sessions: { get, list } } },
    hasLeft: (session: SessionId) => left.has(session),
    limits: META_LIMITS,
    onLimit: () => undefined,
  } as unknown as MetaSources;
  const procedures = sessionProcedures(sources, new Lists(sources));
  const call = { signal: new AbortController().signal } as ProcedureCall;
  left.add(ONE);
  expect(await procedures['wamp.session.get']({ session_id: ONE }, call)).toMatchObject({
    error: ErrorUri.NO_SUCH_SESSION,
  });
  expect(await procedures['wamp.session.get']({ session_id: TWO }, call)).toMatchObject({ args: [{ session: TWO }] });
  expect(await procedures['wamp.session.list']({ filter_authroles: undefined }, call)).toEqual({ args: [[TWO]] });
});

it('a node remembers for a bounded time who has left, until the id is used again', () => {
  let nowMs = 0;
  const left = new RecentlyLeft(() => nowMs, expect.unreachable);
  left.add(ONE);
  left.delete(ONE);
  expect(left.has(ONE)).toBe(false);
  left.add(ONE);
  nowMs = 60_000;
  left.add(TWO);
  expect([left.has(ONE), left.has(TWO)]).toEqual([false, true]);
});

it('every node that receives on_leave notes it, before its subscribers do (SMA-3)', async () => {
  const scene = new Scene();
  const [near, far] = [await scene.node('near'), await scene.node('far')];
  far.join().subscribe(LEFT);
  await scene.deliver();
  const { session } = near.join();
  await scene.deliver();
  near.realm.remove(session);
  await scene.deliver();
  for (const { realm } of [near, far]) expect(realm.meta.hasLeft(session.session)).toBe(true);
});
