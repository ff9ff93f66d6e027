import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectError, until } from '../support/endings.js';
import { ALL_ROLES, type Message, type RawClient } from '../support/raw-client.js';

const AUTHORIZE = 'com.example.authorize';
const FLUSH = 'gantry.authorization.flush';
// Longer than a busy machine needs for an answer; one test waits for it.
const TIMEOUT_MS = 1_500;
const ALL = { call: true, register: true, publish: true, subscribe: true };
const REGISTER = { register: true };

const CONFIG = {
  realms: [
    {
      name: 'realm1',
      anonymousRole: 'anonymous',
      roles: [
        {
          name: 'anonymous',
          permissions: [
            { uri: 'com.open.', match: 'prefix' as const, allow: ALL },
            { uri: 'com.open.secret', allow: {} },
          ],
          authorizer: { procedure: AUTHORIZE, timeoutMs: TIMEOUT_MS },
        },
        {
          name: 'backend',
          permissions: [
            { uri: '', match: 'prefix' as const, allow: ALL },
            { uri: AUTHORIZE, allow: REGISTER },
            { uri: FLUSH, allow: { call: true } },
          ],
        },
      ],
      auth: { ticket: { principals: { backend: { ticket: 'open sesame', role: 'backend' } } } },
    },
  ],
};

/** A session of the role `backend`. */
async function backendAt(router: Router, node: number): Promise<RawClient> {
  const client = await router.connectAt(node);
  client.send([Code.HELLO, 'realm1', { roles: ALL_ROLES, authmethods: ['ticket'], authid: 'backend' }]);
  await client.expect(Code.CHALLENGE);
  client.send([Code.AUTHENTICATE, 'open sesame', {}]);
  await client.expect(Code.WELCOME);
  return client;
}

interface Asked {
  readonly session: { readonly session: number; readonly authid: string; readonly authrole: string };
  readonly uri: string;
  readonly action: string;
  readonly options: object;
  answer(value: unknown): void;
  fail(error: string, text: string): void;
}

/** The authorizer, on the last node. */
class Authorizer {
  readonly client: RawClient;
  askedCount = 0;

  constructor(client: RawClient) {
    this.client = client;
  }

  static async start(router: Router): Promise<Authorizer> {
    const authorizer = new Authorizer(await backendAt(router, router.nodeCount - 1));
    // Until the cluster has removed the one before it.
    for (;;) {
      authorizer.client.request(Code.REGISTER, {}, AUTHORIZE);
      if ((await authorizer.client.receive())[0] === Code.REGISTERED) return authorizer;
    }
  }

  async next(): Promise<Asked> {
    const message: Message = await this.client.expect(Code.INVOCATION);
    this.askedCount++;
    const [session, uri, action, options] = message[4] as [Asked['session'], string, string, object];
    const request = message[1];
    return {
      session,
      uri,
      action,
      options,
      answer: (value) => this.client.send([Code.YIELD, request, {}, [value]]),
      fail: (error, text) => this.client.send([Code.ERROR, Code.INVOCATION, request, {}, error, [text]]),
    };
  }

  async answer(value: unknown): Promise<Asked> {
    const asked = await this.next();
    asked.answer(value);
    return asked;
  }
}

/** Publishes with acknowledge; gives the error, or '' when it was published. */
async function outcome(client: RawClient, topic: string): Promise<string> {
  client.publish(topic, [], { acknowledge: true });
  return outcomeOf(await client.receive());
}

function outcomeOf(message: Message): string {
  return message[0] === Code.ERROR ? (message[4] as string) : '';
}

describeConformance(
  'an authorizer decides what no permission covers',
  (router) => {
    it('for each action, with the session, the URI, the action and the options (AZ-1, AZ-3, AZ-4)', async () => {
      const authorizer = await Authorizer.start(router());
      const client = await router().joinAt(0);
      client.request(Code.SUBSCRIBE, { match: 'prefix' }, 'com.a.');
      const asked = await authorizer.answer(true);
      expect(asked).toMatchObject({ uri: 'com.a.', action: 'subscribe', options: { match: 'prefix' } });
      expect(asked.session).toMatchObject({
        session: client.session,
        realm: 'realm1',
        authid: client.welcome['authid'],
        authrole: 'anonymous',
        authmethod: 'anonymous',
        authprovider: 'static',
        authextra: null,
        transport: { type: router().transport, serializer: router().serializer },
      });
      await client.expect(Code.SUBSCRIBED);

      const register = client.request(Code.REGISTER, {}, 'com.b');
      expect(await authorizer.answer(false)).toMatchObject({ uri: 'com.b', action: 'register' });
      await expectError(client, Code.REGISTER, register, ErrorUri.NOT_AUTHORIZED);

      const call = client.call('com.c');
      expect(await authorizer.answer({ allow: true })).toMatchObject({ uri: 'com.c', action: 'call', options: {} });
      await expectError(client, Code.CALL, call, ErrorUri.NO_SUCH_PROCEDURE);

      const publish = client.publish('com.d', [], { acknowledge: true });
      expect(await authorizer.answer(false)).toMatchObject({ action: 'publish', options: { acknowledge: true } });
      await expectError(client, Code.PUBLISH, publish, ErrorUri.NOT_AUTHORIZED);
    });

    it('and is not asked about what one covers, allowed or denied', async () => {
      const authorizer = await Authorizer.start(router());
      const client = await router().joinAt(0);
      expect(await outcome(client, 'com.open.a')).toBe('');
      expect(await outcome(client, 'com.open.secret')).toBe(ErrorUri.NOT_AUTHORIZED);
      expect(await authorizer.client.fence()).toEqual([]);
    });

    it('while the session waits, its later messages keep their order, and others go on (AZ-5)', async () => {
      const authorizer = await Authorizer.start(router());
      const client = await router().joinAt(0);
      const other = await router().joinAt(0);
      const received = await backendAt(router(), 0);
      await received.subscribe('com.open.', { match: 'prefix' });
      await received.subscribe('com.slow');
      client.publish('com.slow', [1]);
      client.publish('com.open.fast', [2]);
      client.publish('com.slow', [3]);
      client.publish('com.open.fast', [4]);
      const first = await authorizer.next();
      expect(await outcome(other, 'com.open.other')).toBe('');
      expect((await received.expect(Code.EVENT)).at(3)).toMatchObject({});
      first.answer(true);
      await authorizer.answer(false);
      const events = [];
      for (let count = 0; count < 3; count++) events.push((await received.expect(Code.EVENT))[4]);
      expect(events).toEqual([[1], [2], [4]]);
    });

    it('silently for a PUBLISH without acknowledge (AZ-2)', async () => {
      const authorizer = await Authorizer.start(router());
      const client = await router().joinAt(0);
      client.publish('com.denied');
      await authorizer.answer(false);
      client.publish('com.failed');
      (await authorizer.next()).fail('com.example.broken', 'a secret');
      expect(await client.fence()).toEqual([]);
    });

    it('and may disclose the publisher', async () => {
      const authorizer = await Authorizer.start(router());
      const client = await router().joinAt(0);
      const received = await backendAt(router(), 0);
      await received.subscribe('com.disclosed');
      client.publish('com.disclosed', ['x']);
      await authorizer.answer({ allow: true, disclose: true });
      expect((await received.expect(Code.EVENT))[3]).toMatchObject({ publisher: client.session });
    });

    it('a session that has ended meanwhile does nothing', async () => {
      const authorizer = await Authorizer.start(router());
      const received = await backendAt(router(), 0);
      await received.subscribe('com.late');
      const client = await router().joinAt(0);
      client.publish('com.late', ['x']);
      const asked = await authorizer.next();
      client.drop();
      const sessionCount = (): number => router().cluster.nodes.reduce((sum, { gauges }) => sum + gauges.sessions(), 0);
      await until(() => sessionCount() === 2);
      asked.answer(true);
      expect(await received.fence()).toEqual([]);
    });

    it('decides nothing when it fails, in any way', async () => {
      const authorizer = await Authorizer.start(router());
      const client = await router().joinAt(0);
      const failures: ((asked: Asked) => void)[] = [
        (asked) => asked.fail('com.example.broken', 'a secret'),
        (asked) => asked.fail(ErrorUri.NOT_AUTHORIZED, 'a secret'),
        (asked) => asked.answer('yes'),
        (asked) => asked.answer({ allow: true, allowed: true }),
        (asked) => asked.answer(null),
        // It hangs.
        () => undefined,
      ];
      for (const fail of failures) {
        const request = client.publish('com.failed', [], { acknowledge: true });
        fail(await authorizer.next());
        const text = await expectError(client, Code.PUBLISH, request, ErrorUri.AUTHORIZATION_FAILED);
        expect(text).not.toContain('secret');
        expect(text).toContain('try again later');
      }
      const failed = (kind: 'error' | 'malformed' | 'timeout'): number =>
        router().counted(({ authorizerCalls }) => authorizerCalls[`publish,${kind}`]);
      expect([failed('error') >= 2, failed('malformed') >= 3, failed('timeout') >= 1]).toEqual([true, true, true]);
    });

    it('decides nothing while it is not there, or dies in the call', async () => {
      const client = await router().joinAt(0);
      expect(await outcome(client, 'com.failed')).toBe(ErrorUri.AUTHORIZATION_FAILED);
      const authorizer = await Authorizer.start(router());
      const request = client.publish('com.failed', [], { acknowledge: true });
      await authorizer.next();
      authorizer.client.drop();
      await expectError(client, Code.PUBLISH, request, ErrorUri.AUTHORIZATION_FAILED);
      const next = await Authorizer.start(router());
      client.publish('com.works', [], { acknowledge: true });
      await next.answer(true);
      await client.expect(Code.PUBLISHED);
    });

    it('answers for a session, for a role, until they are flushed on all nodes', async () => {
      const authorizer = await Authorizer.start(router());
      const [one, two] = [await router().joinAt(0), await router().joinAt(1 % router().nodeCount)];
      const publish = async (client: RawClient, topic: string, answer?: unknown): Promise<void> => {
        client.publish(topic, [], { acknowledge: true });
        if (answer !== undefined) await authorizer.answer(answer);
        await client.expect(Code.PUBLISHED);
      };
      await publish(one, 'com.session', { allow: true, cache: true });
      await publish(one, 'com.session');
      await publish(two, 'com.session', { allow: true, cache: true });
      await publish(one, 'com.role', { allow: true, cache: 'role' });
      await publish(await router().joinAt(0), 'com.role');
      expect(await authorizer.client.fence()).toEqual([]);

      const admin = await backendAt(router(), 0);
      const flush = async (kwargs: object): Promise<unknown> => {
        admin.call(FLUSH, [], {}, kwargs);
        return ((await admin.expect(Code.RESULT)) as [number, number, object, unknown[]])[3][0];
      };
      expect(await flush({ authid: two.welcome['authid'] })).toEqual({ flushed: 1, nodes: router().nodeCount });
      await publish(one, 'com.session');
      await publish(two, 'com.session', { allow: true, cache: true });
      expect(await flush({ authrole: 'nobody' })).toMatchObject({ flushed: 0 });
      expect(await flush({})).toMatchObject({ flushed: 3 });
      await publish(one, 'com.session', true);
      await publish(two, 'com.session', true);
      await publish(one, 'com.role', true);
    });

    it('anew when it is registered anew', async () => {
      const authorizer = await Authorizer.start(router());
      const client = await router().joinAt(0);
      client.publish('com.kept', [], { acknowledge: true });
      await authorizer.answer({ allow: true, cache: true });
      await client.expect(Code.PUBLISHED);
      await authorizer.client.close();
      const next = await Authorizer.start(router());
      const request = client.publish('com.kept', [], { acknowledge: true });
      await next.answer(false);
      await expectError(client, Code.PUBLISH, request, ErrorUri.NOT_AUTHORIZED);
    });

    it('sessions can neither call nor register it, and flush nothing, without a permission that names it', async () => {
      const authorizer = await Authorizer.start(router());
      const client = await router().joinAt(0);
      for (const [code, options, uri] of [
        [Code.CALL, {}, AUTHORIZE],
        [Code.REGISTER, {}, AUTHORIZE],
        [Code.REGISTER, { match: 'prefix' }, 'com.example.'],
        [Code.REGISTER, { match: 'wildcard' }, 'com..authorize'],
        [Code.CALL, {}, FLUSH],
      ] as const) {
        const request = client.request(code, options, uri);
        await expectError(client, code, request, ErrorUri.NOT_AUTHORIZED);
      }
      const backend = await backendAt(router(), 0);
      await expectError(backend, Code.CALL, backend.call(FLUSH, [1]), ErrorUri.INVALID_ARGUMENT);
      await expectError(backend, Code.CALL, backend.call(FLUSH, [], {}, { authId: 'x' }), ErrorUri.INVALID_ARGUMENT);
      expect(await authorizer.client.fence()).toEqual([]);
    });
  },
  CONFIG,
  'test',
);
