import { expect, it } from 'vitest';
import { answersOf, readAnswerBody } from '../../../../src/backplane/question.js';
import { Lists } from '../../../../src/realm/meta/meta-question.js';
import type { MetaSources } from '../../../../src/realm/meta/meta-handlers.js';
import { registrationProcedures } from '../../../../src/realm/meta/meta-registrations.js';
import { sessionProcedures } from '../../../../src/realm/meta/meta-sessions.js';
import { answerSubscriptions, subscriptionProcedures } from '../../../../src/realm/meta/meta-subscriptions.js';
import type { ProcedureCall } from '../../../../src/realm/router-procedures.js';
import { SubscriptionTable } from '../../../../src/routing/broker/subscription-table.js';
import { drawHashSeed } from '../../../../src/routing/number-table.js';
import type { Session } from '../../../../src/session/ports.js';
import { Deferred } from '../../../../src/util/deferred.js';
import type { RequestId, SessionId } from '../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { META_LIMITS } from '../../../support/meta-limits.js';
import { testPeer } from '../../../support/recording-outlet.js';
import { settle } from '../../../support/session-harness.js';

/** The procedures over a directory that has a million sessions, and waits before each part of them. */
function procedures() {
  const reads = { parts: 0, mayContinue: new Deferred<void>() };
  async function* list() {
    for (let at = 0; at < 1_000; at++) {
      reads.parts++;
      await reads.mayContinue.promise;
      yield Array.from({ length: 1_000 }, (_, session) => ({ session: (at * 1_000 + session + 1) as SessionId }));
    }
  }
  const backplane = { directory: { sessions: { list } } } as unknown as MetaSources['backplane'];
  const reached: string[] = [];
  const sources = {
    realm: 'com.realm',
    backplane,
    hasLeft: () => false,
    limits: META_LIMITS,
    onLimit: (limit: string) => reached.push(limit),
  };
  const made = sessionProcedures(sources as unknown as MetaSources, new Lists(sources));
  const call = async (signal: AbortSignal) =>
    made['wamp.session.list']({ filter_authroles: undefined }, { signal } as ProcedureCall);
  return { call, reads, reached };
}

it('lists of sessions begin one in a turn, a few are made at a time, and none beyond those that wait (G11)', async () => {
  const { call, reads, reached } = procedures();
  const { signal } = new AbortController();
  const outcomes = Array.from({ length: 4 + 1_024 }, () => call(signal));
  expect(await call(signal)).toMatchObject({ error: ErrorUri.UNAVAILABLE });
  const begun: number[] = [];
  for (let turn = 0; turn < 6; turn++) {
    await settle();
    begun.push(reads.parts);
  }
  expect(begun).toEqual([1, 2, 3, 4, 4, 4]);
  reads.mayContinue.resolve();
  expect(reached).toEqual(['meta_lists']);
  expect(await outcomes[0]).toMatchObject({ error: ErrorUri.PAYLOAD_SIZE_EXCEEDED });
  expect(reached).toContain('meta_list_ids');
});

it('a list of sessions ends with its call, also while it waits for its turn', async () => {
  const { call, reads } = procedures();
  const controller = new AbortController();
  const outcomes = Array.from({ length: 10 }, () => call(controller.signal));
  while (reads.parts < 4) await settle();
  controller.abort();
  reads.mayContinue.resolve();
  await Promise.all(outcomes);
  expect(reads.parts).toBe(4);
});

it('a subscription of very many sessions can be listed and counted, but its sessions cannot be listed', async () => {
  const table = new SubscriptionTable<Session>('com.realm', drawHashSeed(Math.random));
  const subscription = table.open('com.topic', 'exact');
  for (let session = 1; session <= 100_001; session++)
    table.addReceiver(testPeer({ session: session as SessionId }) as Session, subscription);
  const [, answer] = answerSubscriptions({ directory: table }, () => 7, META_LIMITS);
  const { id } = subscription;
  const row = [id, 'exact', 'com.topic', 7, [], 100_001];
  const listed = { exact: [id], prefix: [], wildcard: [] };
  expect(await answer(['all'])).toEqual(listed);
  expect(await answer(['matching', 'com.topic'])).toEqual(listed);
  expect(await answer(['count', id])).toEqual([row]);
  expect(await answer(['id', id])).toBeNull();
});

it('the subscriptions of a session are found without a look at those of the others (G11)', async () => {
  const table = new SubscriptionTable<Session>('com.realm', drawHashSeed(Math.random));
  const [asked, other] = [1, 2].map((session) => testPeer({ session: session as SessionId }) as Session);
  const opened = ['com.one', 'com.two', 'com.three', 'com.four'].map((topic) => table.open(topic, 'exact'));
  const [one, two, three, four] = opened;
  for (const subscription of [one!, two!]) table.addReceiver(asked!, subscription);
  table.wait(asked!, three!, 1 as RequestId);
  for (const subscription of [two!, four!]) table.addReceiver(other!, subscription);
  let looks = 0;
  const { receivers } = four!;
  Object.defineProperty(four!, 'receivers', { get: () => (looks++, receivers) });
  const [, answer] = answerSubscriptions({ directory: table }, () => 7, META_LIMITS);
  expect(await answer(['session', 1])).toEqual({ exact: [one!.id, two!.id], prefix: [], wildcard: [] });
  expect(await answer(['session', 3])).toEqual({ exact: [], prefix: [], wildcard: [] });
  expect(looks).toBe(0);
});

it('the longest list of subscriptions fits into the answer of a node', async () => {
  const table = new SubscriptionTable<Session>('com.realm', drawHashSeed(Math.random));
  const subscriber = testPeer({ session: 1 as SessionId }) as Session;
  for (let count = 0; count < META_LIMITS.maxMetaListIds; count++)
    table.addReceiver(subscriber, table.open(`com.example.building.${count}.temperature`, 'exact'));
  const [, answer] = answerSubscriptions({ directory: table }, () => 7, META_LIMITS);
  const parts = answersOf({ realm: 'com.realm', number: 1 }, await answer(['all'])).map(({ body }) =>
    readAnswerBody(body),
  );
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.every(({ kind }) => kind === 'part')).toBe(true);
});

it('subscribers of all nodes together, and callees, are listed up to the bound (limits.maxMetaListIds)', async () => {
  const reached: string[] = [];
  const sessions = (count: number, first: number): SessionId[] =>
    Array.from({ length: count }, (_, at) => (first + at) as SessionId);
  const half = META_LIMITS.maxMetaListIds / 2;
  let ofOther = half;
  const row = (ids: SessionId[]) => ({ body: [[7, 'exact', 'com.topic', 1, ids, ids.length]] });
  const sources = {
    realm: 'com.realm',
    backplane: {
      ask: () =>
        Promise.resolve({ answers: [row(sessions(half, 1)), row(sessions(ofOther, half + 1))], unanswered: [] }),
    },
    dealer: {
      directory: { byId: () => ({ callees: sessions(half + ofOther, 1).map((session) => ({ session })) }) },
    },
    limits: META_LIMITS,
    onLimit: (limit: string) => reached.push(limit),
  } as unknown as MetaSources;
  const lists = new Lists(sources);
  const call = { signal: new AbortController().signal } as ProcedureCall;
  const subscribers = async () =>
    subscriptionProcedures(sources, lists)['wamp.subscription.list_subscribers']({ subscription_id: 7 }, call);
  const callees = async () =>
    registrationProcedures(sources, lists)['wamp.registration.list_callees']({ registration_id: 7 }, call);
  for (const list of [subscribers, callees]) expect(await list()).toMatchObject({ args: [{ length: 2 * half }] });
  ofOther++;
  for (const list of [subscribers, callees])
    expect(await list()).toMatchObject({ error: ErrorUri.PAYLOAD_SIZE_EXCEEDED });
  expect(reached).toEqual(['meta_list_ids', 'meta_list_ids']);
});
