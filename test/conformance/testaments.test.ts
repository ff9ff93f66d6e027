import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { freshUri } from '../support/exchange.js';
import { openRealm } from '../support/open-realm.js';
import type { Message, RawClient } from '../support/raw-client.js';

const ADD = 'wamp.session.add_testament';
const FLUSH = 'wamp.session.flush_testaments';

/** Calls a procedure and waits for its answer. */
async function ask(client: RawClient, procedure: string, args?: unknown[], kwargs?: object): Promise<Message> {
  const request = client.call(procedure, args, {}, kwargs);
  const answer = await client.receive();
  expect(answer[answer[0] === Code.RESULT ? 1 : 2]).toBe(request);
  return answer;
}

async function add(client: RawClient, topic: string, args: unknown[], kwargs: object = {}): Promise<void> {
  expect(await ask(client, ADD, [topic, args, {}], kwargs)).toEqual([Code.RESULT, expect.any(Number), {}]);
}

async function refusal(client: RawClient, args: unknown[], kwargs?: object): Promise<unknown> {
  const [code, , , , error] = await ask(client, ADD, args, kwargs);
  return code === Code.ERROR ? error : code;
}

/** Arguments of the next events. */
async function events(subscriber: RawClient, count: number): Promise<unknown[]> {
  const received: unknown[] = [];
  while (received.length < count) received.push((await subscriber.expect(Code.EVENT))[4]);
  return received;
}

/** Every event that the subscriber gets until one that a new session publishes on the topic. */
async function eventsUntilFence(subscriber: RawClient, publisher: RawClient, topic: string): Promise<Message[]> {
  publisher.publish(topic, ['fence']);
  const received: Message[] = [];
  for (;;) {
    const message = await subscriber.expect(Code.EVENT);
    if ((message[4] as unknown[])[0] === 'fence') return received;
    received.push(message);
  }
}

describeConformance(
  'testaments',
  (router) => {
    it('announces the feature with the dealer (ADV-1)', async () => {
      const { welcome } = await router().join();
      expect(welcome['roles']).toMatchObject({ dealer: { features: { testament_meta_api: true } } });
    });

    const ends: [string, (client: RawClient) => void][] = [
      ['GOODBYE', (client) => client.send([Code.GOODBYE, {}, 'wamp.close.close_realm'])],
      ['the loss of its connection', (client) => client.drop()],
      ['a violation', (client) => client.send([Code.WELCOME, 1, {}])],
    ];
    it.each(ends)(
      'are published when the session ends by %s, in order, detached before destroyed (TST-1, TST-3)',
      async (_end, end) => {
        const topic = freshUri();
        const [leaving, subscriber] = [await router().join(), await router().join()];
        const subscription = await subscriber.subscribe(topic);
        await add(leaving, topic, ['one']);
        await add(leaving, topic, ['two'], { scope: 'destroyed' });
        await add(leaving, topic, ['three'], { scope: 'detached' });
        expect(await subscriber.fence()).toEqual([]);
        end(leaving);
        const first = await subscriber.expect(Code.EVENT);
        expect(first).toEqual([Code.EVENT, subscription, expect.any(Number), {}, ['three']]);
        expect(await events(subscriber, 2)).toEqual([['one'], ['two']]);
      },
    );

    it('come behind everything that the session has published (ORD-1)', async () => {
      const topic = freshUri();
      const [leaving, subscriber] = [await router().join(), await router().join()];
      await subscriber.subscribe(topic);
      await add(leaving, topic, ['last']);
      for (let number = 0; number < 20; number++) leaving.publish(topic, [number]);
      leaving.send([Code.GOODBYE, {}, 'wamp.close.close_realm']);
      const received = (await events(subscriber, 21)).flat();
      expect(received).toEqual([...Array(20).keys(), 'last']);
    });

    it('are no longer there once they are flushed, by scope (TST-2, X-17)', async () => {
      const topic = freshUri();
      const [leaving, other, subscriber] = [await router().join(), await router().join(), await router().join()];
      await subscriber.subscribe(topic);
      await add(other, topic, ['of another']);
      await add(leaving, topic, ['detached'], { scope: 'detached' });
      await add(leaving, topic, ['destroyed']);
      const nothing = [Code.RESULT, expect.any(Number), {}];
      expect(await ask(leaving, FLUSH)).toEqual(nothing);
      expect(await ask(leaving, FLUSH, ['destroyed'])).toEqual(nothing);
      await add(leaving, topic, ['after the flush']);
      leaving.drop();
      expect(await events(subscriber, 2)).toEqual([['detached'], ['after the flush']]);
      expect(await ask(other, FLUSH, [], { scope: 'detached' })).toEqual(nothing);
      other.drop();
      expect(await events(subscriber, 1)).toEqual([['of another']]);
    });

    it('take their arguments by place or by keyword (TST-1)', async () => {
      const topic = freshUri();
      const [leaving, subscriber] = [await router().join(), await router().join()];
      await subscriber.subscribe(topic);
      const named = { topic, args: [1], kwargs: { by: 'keyword' }, publish_options: {}, scope: 'detached' };
      for (const [args, kwargs] of [
        [[], named],
        [[topic, [2], { by: 'place' }, null, 'detached'], undefined],
        [[topic, [3]], { kwargs: { by: 'both' }, publish_options: null, scope: null }],
      ] as const)
        expect((await ask(leaving, ADD, [...args], kwargs))[0]).toBe(Code.RESULT);
      leaving.drop();
      const received = [];
      while (received.length < 3) received.push((await subscriber.expect(Code.EVENT)).slice(4));
      expect(received).toEqual([
        [[1], { by: 'keyword' }],
        [[2], { by: 'place' }],
        [[3], { by: 'both' }],
      ]);
    });

    it('are refused with wamp.error.invalid_argument or invalid_uri (TST-5)', async () => {
      const topic = freshUri();
      const client = await router().join();
      for (const [args, kwargs] of [
        [[], undefined],
        [[topic], undefined],
        [[topic, []], undefined],
        [[7, [], {}], undefined],
        [[topic, 'text', {}], undefined],
        [[topic, [], []], undefined],
        [[topic, null, {}], undefined],
        [[topic, [], {}, {}, 'destroyed', 1], undefined],
        [[topic, [], {}, 'options'], undefined],
        [[topic, [], {}, { eligible: 'everybody' }], undefined],
        [[topic, [], {}], { scope: 'forever' }],
        [[topic, [], {}], { topic }],
        [[topic, [], {}], { options: {} }],
      ] as const)
        expect([args, await refusal(client, [...args], kwargs)]).toEqual([args, ErrorUri.INVALID_ARGUMENT]);
      for (const uri of ['', 'a..b', 'a b', 'wamp', 'wamp.session.on_leave', 'wamp.any'])
        expect([uri, await refusal(client, [uri, [], {}])]).toEqual([uri, ErrorUri.INVALID_URI]);
      const [, , , , error] = await ask(client, FLUSH, ['forever']);
      expect(error).toBe(ErrorUri.INVALID_ARGUMENT);
    });

    it('honour the lists of receivers, and ignore acknowledge and exclude_me (TST-4)', async () => {
      const topic = freshUri();
      const [leaving, chosen, excluded] = [await router().join(), await router().join(), await router().join()];
      for (const subscriber of [leaving, chosen, excluded]) await subscriber.subscribe(topic);
      const add_ = async (args: unknown[], options: object): Promise<void> => {
        await add(leaving, topic, args, { publish_options: { acknowledge: true, exclude_me: false, ...options } });
      };
      await add_(['eligible'], { eligible: [chosen.session] });
      await add_(['exclude'], { exclude: [excluded.session] });
      await add_(['nobody'], { eligible: [] });
      await add_(['role'], { eligible_authrole: ['anonymous'] });
      leaving.send([Code.GOODBYE, {}, 'wamp.close.close_realm']);
      expect(await events(chosen, 3)).toEqual([['eligible'], ['exclude'], ['role']]);
      expect(await events(excluded, 1)).toEqual([['role']]);
      // The session that ended does not receive them (TST-6).
      expect((await leaving.receive())[0]).toBe(Code.GOODBYE);
      expect(leaving.unread).toEqual([]);
      expect(await eventsUntilFence(chosen, await router().join(), topic)).toEqual([]);
    });

    it('disclose the session that ended only where it asked for that, with an id for each (TST-8)', async () => {
      const topic = freshUri();
      const [leaving, subscriber] = [await router().join(), await router().join()];
      await subscriber.subscribe(topic);
      await add(leaving, topic, ['open'], { publish_options: { disclose_me: true } });
      await add(leaving, topic, ['secret']);
      leaving.drop();
      const [open, secret] = [await subscriber.expect(Code.EVENT), await subscriber.expect(Code.EVENT)];
      const { authid, authrole } = leaving.welcome;
      expect(open[3]).toEqual({ publisher: leaving.session, publisher_authid: authid, publisher_authrole: authrole });
      expect(secret[3]).toEqual({});
      expect(open[2]).not.toBe(secret[2]);
    });

    it('carry a payload of payload passthru as it is (TST-4, PPT-1)', async () => {
      const topic = freshUri();
      const [leaving, subscriber] = [await router().join(), await router().join()];
      await subscriber.subscribe(topic);
      const options = { ppt_scheme: 'x_custom', ppt_keyid: 'k1' };
      const opaque = leaving.serializer.id === 'json' ? '\0AQID' : Buffer.from([1, 2, 3]);
      expect(await refusal(leaving, [topic, ['text'], {}, options])).toBe(ErrorUri.INVALID_ARGUMENT);
      await add(leaving, topic, [opaque], { publish_options: options });
      leaving.drop();
      const [, , , details, args] = await subscriber.expect(Code.EVENT);
      expect(details).toEqual(options);
      expect(Buffer.from((args as [Uint8Array])[0]).toString('hex')).toBe('010203');
    });
  },
  openRealm({}),
);

const ALL = { call: true, register: true, publish: true, subscribe: true };
const CALLS = { uri: 'wamp.', match: 'prefix' as const, allow: { call: true } };
const LIMITED: ConfigInput = {
  limits: { maxTestamentsPerSession: 2, maxTestamentBytes: 300, maxTotalTestamentBytes: 65_536 },
  realms: [
    {
      name: 'realm1',
      allowDisclose: false,
      roles: [
        {
          name: 'anonymous',
          permissions: [
            { uri: 'com.', match: 'prefix', allow: ALL },
            { uri: 'com.forbidden', match: 'exact', allow: { subscribe: true } },
            CALLS,
          ],
        },
      ],
    },
  ],
};

describe('testaments within bounds and permissions', () => {
  describeConformance(
    'testaments of a role with few rights',
    (router) => {
      it('need the right to publish when they are added (TST-5)', async () => {
        const client = await router().join();
        expect(await refusal(client, ['com.forbidden', [], {}])).toBe(ErrorUri.NOT_AUTHORIZED);
        expect(await refusal(client, ['org.other', [], {}])).toBe(ErrorUri.NOT_AUTHORIZED);
        expect(await refusal(client, ['com.allowed', [], {}, { disclose_me: true }])).toBe(
          ErrorUri.DISCLOSE_ME_DISALLOWED,
        );
        expect(router().counted(({ testaments }) => testaments.refused)).toBeGreaterThan(0);
      });

      it('have a bound for each session and each testament, and give their place back', async () => {
        const client = await router().join();
        const reached = () =>
          router().counted(
            ({ limitsReached: { testaments_per_session, testament_bytes } }) =>
              testaments_per_session + testament_bytes,
          );
        const before = reached();
        expect(await refusal(client, ['com.a', ['x'.repeat(400)], {}])).toBe(ErrorUri.LIMIT_EXCEEDED);
        await add(client, 'com.a', [1]);
        await add(client, 'com.a', [2], { scope: 'detached' });
        expect(await refusal(client, ['com.a', [3], {}])).toBe(ErrorUri.LIMIT_EXCEEDED);
        expect(reached() - before).toBe(2);
        await ask(client, FLUSH, ['detached']);
        await add(client, 'com.a', [3]);
      });
    },
    LIMITED,
  );
});
