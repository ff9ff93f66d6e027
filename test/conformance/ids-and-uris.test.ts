import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { expectAbort, expectError } from '../support/endings.js';
import { exactly } from '../support/exact.js';
import { openRealm } from '../support/open-realm.js';
import type { RawClient } from '../support/raw-client.js';
import { wire } from '../support/wire.js';

const TOPIC = 'com.example.topic';
const PROCEDURE = 'com.example.procedure';

describeConformance('ids', (router) => {
  it('takes 2^53 for an id, the largest there is (ID-1, X-10)', async () => {
    const client = await router().join();
    client.sendBytes(exactly[router().serializer].encode([34n, BigInt(client.nextRequest()), 2n ** 53n]));
    await expectError(client, Code.UNSUBSCRIBE, 1, ErrorUri.NO_SUCH_SUBSCRIPTION);
    client.sendBytes(exactly[router().serializer].encode([66n, BigInt(client.nextRequest()), 2n ** 53n]));
    await expectError(client, Code.UNREGISTER, 2, ErrorUri.NO_SUCH_REGISTRATION);
    client.sendBytes(exactly[router().serializer].encode([49n, 2n ** 53n, {}]));
    client.sendBytes(
      exactly[router().serializer].encode([16n, BigInt(client.nextRequest()), { eligible: [2n ** 53n, 1n] }, TOPIC]),
    );
    expect(await client.fence()).toEqual([]);
  });

  it.each([0n, -1n, 2n ** 53n + 1n, 2n ** 64n - 1n, -(2n ** 63n)])(
    'does not take %s for an id (ID-1, ID-5)',
    async (id) => {
      for (const [message, complaint] of [
        [[34n, 1n, id], /UNSUBSCRIBE\.SUBSCRIBED\.Subscription must be an id/],
        [[32n, id, {}, TOPIC], /SUBSCRIBE\.Request must be an id/],
        [[70n, id, {}], /YIELD\.INVOCATION\.Request must be an id/],
        [[16n, 1n, { exclude: [1n, id] }, TOPIC], /PUBLISH\.Options\.exclude must be a list of ids/],
      ] as const) {
        const client = await router().join();
        client.sendBytes(exactly[router().serializer].encode(message));
        expect(await expectAbort(client)).toMatch(complaint);
      }
    },
  );

  it('does not take a float for a request id, whatever its value (MSG-10)', async () => {
    const client = await router().join();
    client.sendBytes(
      wire(router().serializer, {
        json: '[32,1.0,{},"t"]',
        msgpack: '94 20 cb3ff0000000000000 80 a174',
        cbor: '84 1820 fb3ff0000000000000 a0 6174',
      }),
    );
    expect(await expectAbort(client)).toMatch(/SUBSCRIBE\.Request must be an id/);
  });

  it('draws publication ids at random, one for all receivers and subscriptions (ID-2, BRK-8)', async () => {
    const publisher = await router().join();
    const subscribers = [await router().join(), await router().join(), await router().join()];
    for (const subscriber of subscribers) {
      await subscriber.subscribe(TOPIC);
      await subscriber.subscribe('com.example.', { match: 'prefix' });
    }
    const publications = new Set<number>();
    for (let event = 0; event < 20; event++) {
      const publication = await publisher.publishAcknowledged(TOPIC);
      publications.add(publication);
      for (const subscriber of subscribers) {
        expect((await subscriber.expect(Code.EVENT))[2]).toBe(publication);
        expect((await subscriber.expect(Code.EVENT))[2]).toBe(publication);
      }
    }
    expect(publications.size).toBe(20);
    expect(Math.max(...publications) - Math.min(...publications)).toBeGreaterThan(2 ** 40);
    for (const publication of publications) expect(Number.isSafeInteger(publication) && publication > 0).toBe(true);
  });

  it('gives one subscription one id on every node, and each topic and match its own (ID-3, BRK-3)', async () => {
    const clients = [await router().join(), await router().join(), await router().join()];
    const ids = new Set<number>();
    for (const [topic, options] of [
      [TOPIC, {}],
      [TOPIC, { match: 'prefix' }],
      [TOPIC, { match: 'wildcard' }],
      ['com.example.another', {}],
      ['com.example.Topic', {}],
    ] as const) {
      const given = new Set<number>();
      for (const client of clients) given.add(await client.subscribe(topic, options));
      expect(given.size).toBe(1);
      for (const id of given) ids.add(id);
    }
    expect(ids.size).toBe(5);
    for (const id of ids) expect(Number.isSafeInteger(id) && id > 0).toBe(true);
  });

  it('gives one shared registration one id on every node, and each procedure and match its own (ID-3, SHR-4)', async () => {
    const callees = [await router().join(), await router().join(), await router().join()];
    const ids = new Set<number>();
    for (const [procedure, match] of [
      [PROCEDURE, 'exact'],
      [PROCEDURE, 'prefix'],
      [PROCEDURE, 'wildcard'],
      ['com.example.another', 'exact'],
    ] as const) {
      const given = new Set<number>();
      for (const callee of callees) given.add(await callee.register(procedure, { match, invoke: 'roundrobin' }));
      expect(given.size).toBe(1);
      for (const id of given) ids.add(id);
    }
    expect(ids.size).toBe(4);
  });

  it('counts INVOCATIONs from 1 for each callee by itself (ID-4)', async () => {
    const caller = await router().join();
    const callees = [await router().join(), await router().join()];
    for (const [index, callee] of callees.entries()) {
      await callee.register(`${PROCEDURE}.${index}a`);
      await callee.register(`${PROCEDURE}.${index}b`);
    }
    for (let round = 0; round < 3; round++) {
      for (const [index, callee] of callees.entries()) {
        for (const [offset, name] of ['a', 'b'].entries()) {
          caller.call(`${PROCEDURE}.${index}${name}`);
          expect((await callee.expect(Code.INVOCATION))[1]).toBe(2 * round + offset + 1);
        }
      }
    }
  });

  it('answers a request with the id it has, whatever else was asked meanwhile (ID-4)', async () => {
    const client = await router().join();
    const sent = [
      client.request(Code.SUBSCRIBE, {}, TOPIC),
      client.request(Code.REGISTER, {}, PROCEDURE),
      client.request(Code.PUBLISH, { acknowledge: true }, TOPIC),
      client.request(Code.CALL, {}, 'com.example.nothing'),
      client.request(Code.UNSUBSCRIBE, 1),
      client.request(Code.UNREGISTER, 1),
    ];
    const answers = new Map<number, number>();
    for (const code of sent) {
      expect(code).toBeGreaterThan(0);
      const message = await client.receive();
      const [request, answered] =
        message[0] === Code.ERROR
          ? [message[2] as number, message[1] as number]
          : [message[1] as number, message[0] as number];
      answers.set(request, answered);
    }
    expect([...answers].sort(([one], [other]) => one - other)).toEqual([
      [1, Code.SUBSCRIBED],
      [2, Code.REGISTERED],
      [3, Code.PUBLISHED],
      [4, Code.CALL],
      [5, Code.UNSUBSCRIBE],
      [6, Code.UNREGISTER],
    ]);
  });
});

describeConformance(
  'ids of revocations',
  (router) => {
    it('uses request 0 for a revocation and for nothing else (ID-5, REV-1)', async () => {
      const deposed = await router().join();
      const successor = await router().join();
      const registration = await deposed.register(PROCEDURE);
      await successor.register(PROCEDURE, { force_reregister: true });
      expect(await deposed.receive()).toEqual([
        Code.UNREGISTERED,
        0,
        { registration, reason: expect.any(String) as unknown },
      ]);
    });
  },
  openRealm({ allowForceReregister: true }),
);

type Match = 'exact' | 'prefix' | 'wildcard';

const SOUND: readonly (readonly [string, readonly Match[]])[] = [
  ['a', ['exact', 'prefix', 'wildcard']],
  ['com.example.topic', ['exact', 'prefix', 'wildcard']],
  ['com.Example.TOPIC-1_x~', ['exact', 'prefix', 'wildcard']],
  ['com.пример.主题.😀', ['exact', 'prefix', 'wildcard']],
  ['http://example.com/a?b=c&d', ['exact', 'prefix', 'wildcard']],
  ['constructor.__proto__', ['exact', 'prefix', 'wildcard']],
  ['com.example.', ['prefix', 'wildcard']],
  ['', ['prefix', 'wildcard']],
  ['com..topic', ['wildcard']],
  ['.example.', ['wildcard']],
  ['..', ['wildcard']],
];
const UNSOUND: readonly (readonly [string, readonly Match[], RegExp])[] = [
  ['', ['exact'], /it is empty/],
  ['com.example.', ['exact'], /empty component/],
  ['.com', ['exact', 'prefix'], /empty component/],
  ['com..example', ['exact', 'prefix'], /empty component/],
  ['com.example..', ['exact', 'prefix'], /empty component/],
  ['.', ['exact', 'prefix'], /empty component/],
  ['com.my topic', ['exact', 'prefix', 'wildcard'], /white space/],
  ['com.example\n', ['exact', 'prefix', 'wildcard'], /white space/],
  ['com.a\u2003b', ['exact', 'prefix', 'wildcard'], /white space/],
  ['com.a\ufeffb', ['exact', 'prefix', 'wildcard'], /white space/],
  ['com.#', ['exact', 'prefix', 'wildcard'], /"#"/],
];

describeConformance('loose URIs', (router) => {
  it.each(SOUND.flatMap(([uri, matches]) => matches.map((match) => [match, uri] as const)))(
    'takes %s "%s" (URI-1, URI-3, URI-4)',
    async (match, uri) => {
      const client = await router().join();
      await client.register(uri, { match });
      // Behind it, because a pattern for everything receives the events of the meta API.
      await client.subscribe(uri, { match });
    },
  );

  it.each(UNSOUND.flatMap(([uri, matches, why]) => matches.map((match) => [match, uri, why] as const)))(
    'refuses %s %j (URI-1, URI-4)',
    async (match, uri, why) => {
      const client = await router().join();
      await refuses(client, uri, match, why);
      expect(await client.fence()).toEqual([]);
    },
  );

  it('keeps URIs that differ in case apart (3.2)', async () => {
    const client = await router().join();
    const subscription = await client.subscribe('com.example.Topic');
    await client.register('com.example.Procedure');
    await client.publishAcknowledged('com.example.topic', [], { exclude_me: false });
    await expectError(client, Code.CALL, client.call('com.example.procedure'), ErrorUri.NO_SUCH_PROCEDURE);
    client.publish('com.example.Topic', [], { exclude_me: false });
    expect((await client.expect(Code.EVENT))[1]).toBe(subscription);
  });

  it('makes a malformed error URI of a callee one that its caller can read (3.2)', async () => {
    const callee = await router().join();
    const caller = await router().join();
    await callee.register(PROCEDURE);
    const request = caller.call(PROCEDURE);
    const [, invocation] = await callee.expect(Code.INVOCATION);
    callee.send([Code.ERROR, Code.INVOCATION, invocation, {}, 'not a..URI', ['why']]);
    expect(await caller.receive()).toEqual([Code.ERROR, Code.CALL, request, {}, ErrorUri.INVALID_URI, ['why']]);
    expect(await callee.fence()).toEqual([]);
  });

  describe('below wamp, which is reserved (URI-2, X-28)', () => {
    it.each(['wamp', 'wamp.topic', 'wamp.session.on_join'])('PUBLISH and REGISTER of "%s" are refused', async (uri) => {
      const client = await router().join();
      const publish = client.publish(uri, [], { acknowledge: true });
      expect(await expectError(client, Code.PUBLISH, publish, ErrorUri.INVALID_URI)).toContain(uri);
      client.publish(uri);
      for (const match of ['exact', 'prefix', 'wildcard']) {
        const register = client.request(Code.REGISTER, { match }, uri);
        expect(await expectError(client, Code.REGISTER, register, ErrorUri.INVALID_URI)).toContain(uri);
      }
      expect(await client.fence()).toEqual([]);
    });

    it('patterns that cover more than that are free', async () => {
      for (const [uri, match] of [
        ['', 'prefix'],
        ['wamp', 'prefix'],
        ['.session', 'wildcard'],
      ] as const)
        await (await router().join()).subscribe(uri, { match });
    });

    it('a CALL is not caught by the pattern of a client', async () => {
      const client = await router().join();
      await client.register('', { match: 'prefix' });
      await client.register('.session.', { match: 'wildcard' });
      await expectError(client, Code.CALL, client.call('wamp.session.x'), ErrorUri.NO_SUCH_PROCEDURE);
      await expectError(client, Code.CALL, client.call('wamp'), ErrorUri.NO_SUCH_PROCEDURE);
    });

    it('names that only begin like it are free', async () => {
      const client = await router().join();
      await client.register('wampum.procedure');
      await client.publishAcknowledged('wampum.topic');
      await client.publishAcknowledged('com.wamp.topic');
      await client.publishAcknowledged('Wamp.topic');
    });
  });
});

describeConformance(
  'strict URIs',
  (router) => {
    it.each([
      ['exact', 'com.example.my_topic_1'],
      ['prefix', 'com.example.'],
      ['prefix', ''],
      ['wildcard', 'com..my_topic'],
    ])('takes %s "%s" (URI-1)', async (match, uri) => {
      const client = await router().join();
      await client.register(uri, { match });
      await client.subscribe(uri, { match });
    });

    it.each([
      ['exact', 'com.Example.topic', /uriCheck: strict/],
      ['exact', 'com.my-topic', /uriCheck: strict/],
      ['exact', 'com.thé', /uriCheck: strict/],
      ['prefix', 'com.Example', /uriCheck: strict/],
      ['wildcard', 'com..T', /uriCheck: strict/],
      ['exact', 'com..topic', /empty component/],
    ] as const)('refuses %s "%s" (URI-1)', async (match, uri, why) => {
      const client = await router().join();
      await refuses(client, uri, match, why);
      expect(await client.fence()).toEqual([]);
    });

    it('lets callees choose their error URIs', async () => {
      const callee = await router().join();
      const caller = await router().join();
      await callee.register('com.example.procedure');
      const request = caller.call('com.example.procedure');
      const [, invocation] = await callee.expect(Code.INVOCATION);
      callee.send([Code.ERROR, Code.INVOCATION, invocation, {}, 'com.Example.My-Error']);
      await expectError(caller, Code.CALL, request, 'com.Example.My-Error');
    });
  },
  openRealm({ uriCheck: 'strict' }),
);

/** Every request that could name it gets invalid_uri; an unacknowledged PUBLISH gets nothing. */
async function refuses(client: RawClient, uri: string, match: Match, why: RegExp): Promise<void> {
  for (const code of [Code.SUBSCRIBE, Code.REGISTER]) {
    const request = client.request(code, { match }, uri);
    expect(await expectError(client, code, request, ErrorUri.INVALID_URI)).toMatch(why);
  }
  if (match !== 'exact') return;
  for (const code of [Code.CALL, Code.PUBLISH]) {
    const request = client.request(code, { acknowledge: true }, uri);
    expect(await expectError(client, code, request, ErrorUri.INVALID_URI)).toMatch(why);
  }
  client.publish(uri);
}

describeConformance(
  'topics below wamp where the meta API is off',
  (router) => {
    it.each([
      ['wamp', 'exact'],
      ['wamp.session.on_join', 'exact'],
      ['wamp.registration.on_create', 'prefix'],
      ['wamp.', 'prefix'],
      ['wamp', 'wildcard'],
      ['wamp..on_join', 'wildcard'],
    ])('SUBSCRIBE to "%s" by %s, where no event ever comes, is answered by name', async (uri, match) => {
      const client = await router().join();
      const subscribe = client.request(Code.SUBSCRIBE, { match }, uri);
      expect(await expectError(client, Code.SUBSCRIBE, subscribe, ErrorUri.FEATURE_NOT_SUPPORTED)).toMatch(
        /no meta API/,
      );
      expect(await client.fence()).toEqual([]);
    });
  },
  openRealm({ metaApi: 'off' }),
);
