import type { Broker } from '../../routing/broker/broker.js';
import type { Subscription } from '../../routing/ports.js';
import type { Session } from '../../session/ports.js';
import { fault, isFault, type Fault } from '../../wamp/faults.js';
import { isId, type SessionId, type SubscriptionId, type Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { isReserved } from '../../wamp/uri-rules.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { HandlersOf, MetaLimits, MetaSources } from './meta-handlers.js';
import { askAll, reading, readRemoval, sessionList, tooLong, type Lists } from './meta-question.js';
import { byPolicy, matchIn } from './meta-registrations.js';
import { noSuchSession } from './meta-sessions.js';
import { idsByPolicy, readIdsByPolicy, type Listed } from '../ids-by-policy.js';
import type { ProcedureResult } from '../router-procedures.js';

/**
 * One question, with what it is about. A node answers a question for a list with ids by policy, so that the longest list fits
 * into an answer, and the others with its subscriptions, each as a `Row`.
 */
const SUBJECT = 'subscriptions';
const REMOVE_SUBSCRIBER = 'subscription.remove_subscriber';

type About =
  | readonly ['all']
  | readonly ['session', number]
  | readonly ['topic', Uri, MatchPolicy]
  | readonly ['matching', Uri]
  | readonly ['id' | 'count', number];

/** A subscription as one node has it. `subscribers`: its sessions, or how many they are; empty where nobody asks. */
interface Row {
  readonly id: number;
  readonly match: MatchPolicy;
  readonly uri: Uri;
  readonly createdMs: number;
  readonly subscribers: readonly number[];
  readonly subscriberCount: number;
}

/** Since when the cluster wants a topic. */
export type CreatedMs = (topic: Uri, match: MatchPolicy) => number | undefined;

type Rows = readonly [Row, ...Row[]];

/** Questions about subscriptions to all nodes of a realm. */
class SubscriptionQuestions {
  readonly #sources: MetaSources;

  constructor(sources: MetaSources) {
    this.#sources = sources;
  }

  async ask<Found>(
    about: About,
    read: (body: unknown) => readonly Found[] | undefined,
  ): Promise<readonly Found[] | Fault> {
    const { bodies, missing } = await askAll(this.#sources, SUBJECT, about);
    if (missing !== undefined) return missing;
    const found: Found[] = [];
    for (const body of bodies) {
      if (body === null) return tooLong(this.#sources, 'ask for less');
      const part = read(body);
      if (part === undefined) return UNREADABLE;
      for (const one of part) found.push(one);
    }
    return found;
  }

  /** A subscription that several nodes have comes once. */
  async list(about: About): Promise<readonly Listed[] | Fault> {
    const found = await this.ask(about, readIdsByPolicy);
    return isFault(found) ? found : [...new Map(found.map((one) => [one.id, one])).values()];
  }

  /** Answers from the rows of one subscription, of which each node has at most one. */
  async answer(about: About, answer: (rows: Rows) => ProcedureResult | Fault): Promise<ProcedureResult | Fault> {
    const rows = await this.ask(about, readRows);
    if (isFault(rows)) return rows;
    const [first, ...others] = rows;
    return first === undefined ? noSuchSubscription(Number(about[1])) : answer([first, ...others]);
  }
}

/** `wamp.subscription.*`: each node knows its own subscribers, so every node is asked. Topics under `wamp.` are hidden (UMA-4). */
export function subscriptionProcedures(sources: MetaSources, lists: Lists): HandlersOf<'wamp.subscription.'> {
  const { realm, backplane } = sources;
  const questions = new SubscriptionQuestions(sources);
  return {
    'wamp.subscription.list': ({ session_id: session }, { signal }) =>
      lists.make(signal, () =>
        reading(async () => {
          if (session !== undefined && (await backplane.directory.sessions.get(realm, session as never)) === undefined)
            return noSuchSession(session);
          const all = await questions.list(session === undefined ? ['all'] : ['session', session]);
          return isFault(all) ? all : byPolicy(sources, all);
        }),
      ),
    'wamp.subscription.lookup': async ({ topic, options }) => {
      const match = matchIn(options);
      if (isFault(match)) return match;
      const rows = await questions.ask(['topic', topic, match], readRows);
      return isFault(rows) ? rows : { args: [rows[0]?.id ?? null] };
    },
    'wamp.subscription.match': async ({ topic }) => {
      const matching = await questions.list(['matching', topic]);
      if (isFault(matching)) return matching;
      return { args: [matching.length === 0 ? null : matching.map(({ id }) => id)] };
    },
    'wamp.subscription.get': ({ subscription_id: id }) =>
      questions.answer(['count', id], (rows) => {
        const [{ uri, match }] = rows;
        const created = new Date(Math.min(...rows.map(({ createdMs }) => createdMs))).toISOString();
        return { args: [{ id, created, uri, match }] };
      }),
    'wamp.subscription.list_subscribers': ({ subscription_id: id }, { signal }) =>
      lists.make(signal, () =>
        questions.answer(['id', id], (rows) =>
          sessionList(
            sources,
            rows.flatMap(({ subscribers }) => subscribers),
          ),
        ),
      ),
    'wamp.subscription.count_subscribers': ({ subscription_id: id }) =>
      questions.answer(['count', id], (rows) => ({
        args: [rows.reduce((sum, { subscriberCount }) => sum + subscriberCount, 0)],
      })),
    'wamp.subscription.remove_subscriber': async ({ subscription_id: id, subscriber_id: session, reason }) => {
      const body = [id, session, reason ?? null];
      const { bodies, missing } = await askAll(sources, REMOVE_SUBSCRIBER, body);
      if (bodies.includes(true)) return { args: [null] };
      return missing ?? (bodies.includes(false) ? noSuchSession(session) : noSuchSubscription(id));
    },
  };
}

/** Answers the questions of other nodes about sessions of this node. Null: this node does not have the subscription. */
export function answerRemoveSubscriber(
  broker: Pick<Broker<Session>, 'revoke'>,
): readonly [subject: string, answer: (body: unknown) => Promise<unknown>] {
  return [
    REMOVE_SUBSCRIBER,
    (body) => {
      const removal = readRemoval(body);
      if (removal === undefined) return Promise.resolve(null);
      const { id, session, reason } = removal;
      return Promise.resolve(broker.revoke(session, id as SubscriptionId, reason) ?? null);
    },
  ];
}

/** Answers what nodes ask about the subscriptions of this one. Null: too many for one answer. */
export function answerSubscriptions(
  broker: Pick<Broker<Session>, 'directory'>,
  createdMs: CreatedMs,
  { maxMetaListIds }: Pick<MetaLimits, 'maxMetaListIds'>,
): readonly [subject: string, answer: (body: unknown) => Promise<unknown>] {
  return [
    SUBJECT,
    (body) => {
      const question = Array.isArray(body) ? (body as unknown[]) : [];
      const found = find(broker.directory, question).filter(
        ({ topic, receivers }) => receivers.length > 0 && !isReserved(topic),
      );
      const asksSubscribers = question[0] === 'id';
      const isTooLong = asksSubscribers && found.some(({ receivers }) => receivers.length > maxMetaListIds);
      if (found.length > maxMetaListIds || isTooLong) return Promise.resolve(null);
      if (isListed(question[0])) return Promise.resolve(idsByPolicy(found));
      const rows = found.map(({ id, match, topic, receivers }) => {
        const sessions = asksSubscribers ? receivers.map(({ session }) => session) : [];
        return [id, match, topic, createdMs(topic, match) ?? 0, sessions, receivers.length];
      });
      return Promise.resolve(rows);
    },
  ];
}

function find(
  directory: Broker<Session>['directory'],
  [what, value, match]: readonly unknown[],
): readonly Subscription<Session>[] {
  const one = (subscription: Subscription<Session> | undefined): readonly Subscription<Session>[] =>
    subscription === undefined ? [] : [subscription];
  if (what === 'all') return directory.all;
  if (what === 'session') return isId(value) ? directory.receivedBy(value as SessionId) : [];
  if (what === 'topic' && typeof value === 'string' && isMatch(match)) return one(directory.find(value, match));
  if (what === 'matching' && typeof value === 'string') return directory.matching(value);
  return isId(value) ? one(directory.byId(value as SubscriptionId)) : [];
}

function isListed(what: unknown): boolean {
  return what === 'all' || what === 'session' || what === 'matching';
}

function readRows(body: unknown): readonly Row[] | undefined {
  if (!Array.isArray(body)) return undefined;
  const rows = body.map(readRow);
  return rows.every((row) => row !== undefined) ? rows : undefined;
}

function readRow(row: unknown): Row | undefined {
  const [id, match, uri, createdMs, subscribers, subscriberCount] = Array.isArray(row) ? (row as unknown[]) : [];
  if (!isId(id) || !isMatch(match) || typeof uri !== 'string' || typeof createdMs !== 'number') return undefined;
  if (!Array.isArray(subscribers) || !subscribers.every(isId) || typeof subscriberCount !== 'number') return undefined;
  return { id, match, uri, createdMs, subscribers, subscriberCount };
}

function isMatch(value: unknown): value is MatchPolicy {
  return value === 'exact' || value === 'prefix' || value === 'wildcard';
}

function noSuchSubscription(id: number): Fault {
  return fault(ErrorUri.NO_SUCH_SUBSCRIPTION, `the realm has no subscription ${id}`);
}

const UNREADABLE = fault(ErrorUri.UNAVAILABLE, 'a node of another release answers in another format');
