import { describe, expect, it } from 'vitest';
import { Code, type CodeName } from '../../src/wamp/codes.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectAbort } from '../support/endings.js';
import { ALL_ROLES, rolesWithout, type JoinOptions, type RawClient } from '../support/raw-client.js';
import { openRealm } from '../support/open-realm.js';
import { wire } from '../support/wire.js';

const TOPIC = 'com.example.topic';
const PROCEDURE = 'com.example.procedure';

/** An offender's message, decoded, or bytes where no message could be that wrong. */
type Misdeed = (offender: RawClient) => unknown[] | Uint8Array;
type Case = readonly [what: string, misdeed: Misdeed, complaint: RegExp];

/** The shape of each message, with a place for the request id. */
const requests: readonly (readonly [CodeName, (request: unknown) => unknown[]])[] = [
  ['PUBLISH', (request) => [Code.PUBLISH, request, {}, TOPIC]],
  ['SUBSCRIBE', (request) => [Code.SUBSCRIBE, request, {}, TOPIC]],
  ['UNSUBSCRIBE', (request) => [Code.UNSUBSCRIBE, request, 1]],
  ['REGISTER', (request) => [Code.REGISTER, request, {}, PROCEDURE]],
  ['UNREGISTER', (request) => [Code.UNREGISTER, request, 1]],
  ['CALL', (request) => [Code.CALL, request, {}, PROCEDURE]],
];
const mirrors: readonly (readonly [CodeName, (request: unknown) => unknown[]])[] = [
  ['CANCEL', (request) => [Code.CANCEL, request, {}]],
  ['YIELD', (request) => [Code.YIELD, request, {}]],
  ['ERROR', (request) => [Code.ERROR, Code.INVOCATION, request, {}, 'com.example.error']],
];
const routerOnly: readonly (readonly [CodeName, unknown[]])[] = [
  ['WELCOME', [Code.WELCOME, 1, {}]],
  ['CHALLENGE', [Code.CHALLENGE, 'ticket', {}]],
  ['PUBLISHED', [Code.PUBLISHED, 1, 1]],
  ['SUBSCRIBED', [Code.SUBSCRIBED, 1, 1]],
  ['UNSUBSCRIBED', [Code.UNSUBSCRIBED, 1]],
  ['EVENT', [Code.EVENT, 1, 1, {}]],
  ['RESULT', [Code.RESULT, 1, {}]],
  ['REGISTERED', [Code.REGISTERED, 1, 1]],
  ['UNREGISTERED', [Code.UNREGISTERED, 1]],
  ['INVOCATION', [Code.INVOCATION, 1, 1, {}]],
  ['INTERRUPT', [Code.INTERRUPT, 1, {}]],
];

const outOfPlace: readonly Case[] = [
  ['a second HELLO (PV-2)', () => [Code.HELLO, 'realm1', { roles: ALL_ROLES }], /HELLO.*already established/],
  ['AUTHENTICATE without CHALLENGE (PV-2, PV-11)', () => [Code.AUTHENTICATE, 'x', {}], /AUTHENTICATE.*CHALLENGE/],
  ...routerOnly.map(([name, message]): Case => [
    `${name} from a client (PV-2, 1.3)`,
    () => message,
    new RegExp(`${name} is sent by routers`),
  ]),
  ['ERROR for a CALL (PV-3)', () => [Code.ERROR, Code.CALL, 1, {}, 'com.example.error'], /ERROR\.REQUEST\.Type/],
  ['ERROR for a PUBLISH (PV-3)', () => [Code.ERROR, Code.PUBLISH, 1, {}, 'com.example.error'], /ERROR\.REQUEST\.Type/],
  ['YIELD to an invocation never made (PV-4, DLR-10)', () => [Code.YIELD, 1, {}], /no INVOCATION 1 /],
  [
    'ERROR to an invocation never made (PV-4, DLR-10)',
    () => [Code.ERROR, Code.INVOCATION, 7, {}, 'com.example.error'],
    /no INVOCATION 7 /,
  ],
];

const outOfSequence: readonly Case[] = requests.flatMap(([name, message]): Case[] => {
  const complaint = new RegExp(`${name}\\.Request must be \\d+.* but is \\d+ `);
  return [
    [`${name} that leaves out a request id (PV-5)`, (offender) => message(offender.nextRequest() + 1), complaint],
    [`${name} that repeats a request id (PV-5)`, (offender) => message(offender.nextRequest() - 1), complaint],
  ];
});

const misshapen: readonly Case[] = [
  ['an empty list (PV-6, MSG-1)', () => [], /empty list/],
  ['a string for a type code (MSG-1)', () => ['16', 1, {}, TOPIC], /type code/],
  ['a negative type code (MSG-1)', () => [-1], /type code/],
  ['a fraction for a type code (MSG-1)', () => [16.5, 1, {}, TOPIC], /type code/],
  ['null for a type code (MSG-1)', () => [null], /type code/],
  ['an unknown type code (PV-6, MSG-2)', () => [7], /no message type 7/],
  ['type code 0 (PV-6)', () => [0], /no message type 0/],
  ['type code 1024 (MSG-2)', () => [1024], /no message type 1024/],
  ['an extension that is not implemented (MSG-2)', () => [256, 1], /256: extension not implemented/],
  ['EVENT_RECEIVED, an extension (MSG-2)', () => [337, 1], /337: extension not implemented/],
  ...[...requests, ...mirrors].flatMap(([name, message]): Case[] => {
    const [full] = [message(1)];
    return [
      [`${name} that is too short (MSG-3)`, () => full.slice(0, -1), new RegExp(`${name} must have .* elements`)],
      ...[0, -1, 1.5, '1', null, true, [1]].map((id): Case => [
        `${name} with ${JSON.stringify(id)} for a request id (MSG-4, MSG-10)`,
        () => message(id),
        new RegExp(`${name}\\..*Request must be an id`),
      ]),
      [
        `${name} with more than it has (MSG-3)`,
        () => [...full, ...['x', 'x', 'x']],
        new RegExp(`${name}[ .].*(elements|Arguments)`),
      ],
    ];
  }),
  ['a dict that is a list (MSG-4)', () => [Code.PUBLISH, 1, [], TOPIC], /PUBLISH\.Options must be a dict/],
  ['a dict that is null (MSG-4)', () => [Code.CALL, 1, null, PROCEDURE], /CALL\.Options must be a dict/],
  ['a URI that is a number (MSG-4)', () => [Code.SUBSCRIBE, 1, {}, 7], /SUBSCRIBE\.Topic must be a string/],
  [
    'a URI that is bytes (MSG-4)',
    () => [Code.REGISTER, 1, {}, Buffer.from('x')],
    /REGISTER\.Procedure must be a string/,
  ],
  ['Arguments that are a dict (MSG-3)', () => [Code.PUBLISH, 1, {}, TOPIC, {}], /PUBLISH\.Arguments must be a list/],
  ['Arguments that are a number (MSG-3)', () => [Code.CALL, 1, {}, PROCEDURE, 0], /CALL\.Arguments must be a list/],
  ['bare bytes without enc_algo (PPT-5)', () => [Code.PUBLISH, 1, {}, TOPIC, Buffer.from('x')], /PUBLISH\.Arguments/],
  ['ArgumentsKw that are a list (MSG-3)', () => [Code.CALL, 1, {}, PROCEDURE, [], []], /CALL\.ArgumentsKw a dict/],
  ['GOODBYE without a reason (MSG-3)', () => [Code.GOODBYE, {}], /GOODBYE must have 3 elements/],
  [
    'GOODBYE with a payload (MSG-11)',
    () => [Code.GOODBYE, {}, 'wamp.close.normal', []],
    /GOODBYE must have 3 elements/,
  ],
  ['ABORT without a reason (MSG-3)', () => [Code.ABORT, {}], /ABORT must have 3 to 5 elements/],
];

const badOptions: readonly Case[] = (
  [
    ['PUBLISH', { acknowledge: 1 }, 'acknowledge must be a boolean'],
    ['PUBLISH', { exclude_me: 'yes' }, 'exclude_me must be a boolean'],
    ['PUBLISH', { exclude: ['x'] }, 'exclude must be a list of ids'],
    ['PUBLISH', { eligible: 5 }, 'eligible must be a list of ids'],
    ['PUBLISH', { eligible: [0] }, 'eligible must be a list of ids'],
    ['PUBLISH', { eligible_authid: [1] }, 'eligible_authid must be a list of strings'],
    ['PUBLISH', { exclude_authrole: 'admin' }, 'exclude_authrole must be a list of strings'],
    ['PUBLISH', { forward_for: {} }, 'forward_for must be a list of dicts'],
    ['PUBLISH', { enc_algo: 'invalid' }, 'enc_algo must be'],
    ['SUBSCRIBE', { match: 'invalid' }, 'match must be "exact", "prefix" or "wildcard"'],
    ['SUBSCRIBE', { match: 1 }, 'match must be'],
    ['SUBSCRIBE', { match: 'toString' }, 'match must be'],
    ['SUBSCRIBE', { get_retained: 'hello' }, 'get_retained must be a boolean'],
    ['REGISTER', { invoke: 'sometimes' }, 'invoke must be'],
    ['REGISTER', { concurrency: 0 }, 'concurrency must be a positive integer'],
    ['REGISTER', { match: true }, 'match must be'],
    ['CALL', { timeout: -1 }, 'timeout must be a non-negative integer'],
    ['CALL', { timeout: 1.5 }, 'timeout must be a non-negative integer'],
    ['CALL', { receive_progress: 'x' }, 'receive_progress must be a boolean'],
    ['CALL', { ppt_scheme: 5 }, 'ppt_scheme must be a string'],
    ['CANCEL', { mode: 'murder' }, 'mode must be "skip", "kill" or "killnowait"'],
    ['YIELD', { progress: 1 }, 'progress must be a boolean'],
  ] as const
).map(([name, options, complaint]): Case => [
  `${name} with ${JSON.stringify(options)} (MSG-6)`,
  () => [Code[name], 1, options, ...(name === 'CANCEL' || name === 'YIELD' ? [] : [TOPIC])],
  new RegExp(`${name}\\.Options\\.${complaint}`),
]);

const undecodable: readonly Case[] = [
  ['a message cut off', { json: '[16,1,{},"t"', msgpack: '94 10 01 80', cbor: '84 10 01 a0' }, /byte \d+/],
  [
    'bytes behind the message',
    { json: '[16,1,{},"t"]]', msgpack: '94 10 01 80 a174 00', cbor: '84 10 01 a0 6174 00' },
    /byte \d+: bytes follow/,
  ],
  ['no list', { json: '{"16":1}', msgpack: '81 10 01', cbor: 'a1 10 01' }, /byte 0: the message is not a list/],
  ['no such serialization', { json: 'hello', msgpack: 'c1', cbor: 'ff' }, /byte 0/],
  [
    'a payload that is malformed deep inside',
    { json: `[16,1,{},"${TOPIC}",[[1,]]]`, msgpack: '95 10 01 80 a174 91 91 c1', cbor: '85 10 01 a0 6174 81 81 1c' },
    /byte \d+/,
  ],
  [
    'a key that is no text',
    { json: '[16,1,{1:2},"t"]', msgpack: '94 10 01 81 01 02 a174', cbor: '84 10 01 a1 01 02 6174' },
    /byte \d+: unexpected|PUBLISH\.Options must be a dict/,
  ],
].map(([what, forms, complaint]): Case => [
  `${what as string} (PV-7)`,
  ({ serializer }) => wire(serializer.id, forms as Record<typeof serializer.id, string>),
  complaint as RegExp,
]);

const unannounced: readonly Case[] = [
  [
    'CALL with progress (PV-8)',
    (offender) => [Code.CALL, offender.nextRequest(), { progress: true }, PROCEDURE],
    /progressive_call_invocations/,
  ],
  ...(['CALL', 'PUBLISH'] as const).map((name): Case => [
    `${name} with ppt_scheme (PV-9, PPT-4)`,
    (offender) => [Code[name], offender.nextRequest(), { ppt_scheme: 'x_scheme' }, PROCEDURE, [Buffer.from('x')]],
    new RegExp(`${name}.*payload_passthru_mode`),
  ]),
  [
    'YIELD with ppt_scheme (PV-9, PPT-4)',
    () => [Code.YIELD, 1, { ppt_scheme: 'x_scheme' }, [Buffer.from('x')]],
    /YIELD.*payload_passthru_mode/,
  ],
];

describeConformance(
  'violations end the session, and nobody else notices',
  (router, transport) => {
    const outcast = (cases: readonly Case[], options?: JoinOptions) =>
      it.each(cases)('%s', async (_what, misdeed, complaint) => expectOutcast(router(), misdeed, complaint, options));

    describe('messages out of place', () => outcast(outOfPlace));
    describe('request ids out of sequence', () =>
      outcast(outOfSequence, { roles: rolesWithout('progressive_call_invocations') }));
    describe('shape', () => outcast(misshapen));
    describe('known options', () => outcast(badOptions));
    describe('serialization', () => outcast(undecodable));
    describe('features that were not announced', () =>
      outcast(unannounced, { roles: rolesWithout('progressive_call_invocations', 'payload_passthru_mode') }));

    if (transport === 'websocket')
      it('a WebSocket message of the wrong type (PV-7, WS-3)', async () => {
        const isBinary = router().serializer === 'json';
        const offender = await router().join();
        offender.sendFrame(Buffer.from('[16,1,{},"com.example.topic"]'), isBinary);
        expect(await expectAbort(offender)).toMatch(isBinary ? /a binary message/ : /a text message/);
      });

    it('a CALL that repeats the id of one that has its answer, if its session continues none (PV-10)', async () => {
      const offender = await router().join({ roles: rolesWithout('progressive_call_invocations') });
      const request = offender.call('com.example.nobody');
      await offender.expect(Code.ERROR);
      offender.send([Code.CALL, request, {}, 'com.example.nobody']);
      expect(await expectAbort(offender)).toMatch(/CALL repeats the request id 1/);
    });

    it('a CALL that continues one that is not progressive (PV-10)', async () => {
      const callee = await router().join();
      await callee.register(PROCEDURE);
      const offender = await router().join();
      const request = offender.call(PROCEDURE);
      await callee.expect(Code.INVOCATION);
      offender.send([Code.CALL, request, { progress: true }, PROCEDURE]);
      expect(await expectAbort(offender)).toMatch(/CALL 1 continues a call that is not progressive/);
      // Its call went with it (DLR-11).
      await callee.expect(Code.INTERRUPT);
    });

    it('a CALL that continues with another procedure (PV-10, PCI-10)', async () => {
      const callee = await router().join();
      await callee.register(PROCEDURE);
      const offender = await router().join();
      const request = offender.call(PROCEDURE, [], { progress: true });
      await callee.expect(Code.INVOCATION);
      offender.send([Code.CALL, request, {}, 'com.example.another']);
      expect(await expectAbort(offender)).toMatch(/another procedure/);
      await callee.expect(Code.INTERRUPT);
    });

    it('YIELD and ERROR to the invocation of another session (DLR-9)', async () => {
      const callee = await router().join();
      const caller = await router().join();
      await callee.register(PROCEDURE);
      const request = caller.call(PROCEDURE);
      const [, invocation] = await callee.expect(Code.INVOCATION);
      for (const message of [
        [Code.YIELD, invocation, {}, ['forged']],
        [Code.ERROR, Code.INVOCATION, invocation, {}, 'com.example.forged'],
      ]) {
        const offender = await router().join();
        offender.send(message);
        expect(await expectAbort(offender)).toMatch(/no INVOCATION/);
      }
      callee.send([Code.YIELD, invocation, {}, ['true']]);
      expect(await caller.receive()).toEqual([Code.RESULT, request, {}, ['true']]);
    });

    it.each<readonly [string, JoinOptions['roles'], readonly CodeName[]]>([
      ['publisher', { subscriber: {}, caller: {}, callee: {} }, ['PUBLISH']],
      ['subscriber', { publisher: {}, caller: {}, callee: {} }, ['SUBSCRIBE', 'UNSUBSCRIBE']],
      ['caller', { publisher: {}, subscriber: {}, callee: {} }, ['CALL', 'CANCEL']],
      ['callee', { publisher: {}, subscriber: {}, caller: {} }, ['REGISTER', 'UNREGISTER', 'YIELD', 'ERROR']],
    ])('what needs the role %s from a session that did not announce it (2.4)', async (role, roles, names) => {
      for (const name of names) {
        const offender = await router().join({ roles: roles ?? {} });
        const [, message] = [...requests, ...mirrors].find(([candidate]) => candidate === name)!;
        offender.send(message(1));
        expect(await expectAbort(offender)).toBe(`${name} needs the role ${role}, which HELLO did not announce`);
      }
    });

    it('what follows a violation in the same batch is not looked at (2.4)', async () => {
      const subscriber = await router().join();
      await subscriber.subscribe(TOPIC);
      const offender = await router().join({ isBatched: true });
      offender.sendBatch([
        [Code.PUBLISH, 1, {}, TOPIC, ['before']],
        [Code.PUBLISH, 3, {}, TOPIC, ['the violation']],
        [Code.PUBLISH, 2, {}, TOPIC, ['after']],
        [Code.PUBLISH, 4, {}, TOPIC, ['after']],
      ]);
      await expectAbort(offender);
      const [, , , , args] = await subscriber.expect(Code.EVENT);
      expect(args).toEqual(['before']);
      await fenceEvents(router(), subscriber);
    });
  },
  openRealm({ requestIdCheck: 'strict' }),
);

describeConformance('violations before there is a session', (router) => {
  it.each([
    ...requests.map(([name, message]) => [name, message(1)] as const),
    ...mirrors.map(([name, message]) => [name, message(1)] as const),
    ...routerOnly,
    ['AUTHENTICATE', [Code.AUTHENTICATE, 'x', {}]] as const,
    ['GOODBYE', [Code.GOODBYE, {}, 'wamp.close.normal']] as const,
  ])('%s must not come first (PV-1, SES-1)', async (name, message) => {
    const client = await router().connect();
    client.send([...message]);
    expect(await expectAbort(client)).toMatch(
      routerOnly.some(([only]) => only === name) ? `${name} is sent by routers only` : /HELLO must come first/,
    );
  });

  it('GOODBYE a second time is a message without a session (PV-1)', async () => {
    const client = await router().join();
    client.send([Code.GOODBYE, {}, 'wamp.close.normal']);
    client.send([Code.GOODBYE, {}, 'wamp.close.normal']);
    await client.expect(Code.GOODBYE);
    expect(await expectAbort(client)).toMatch(/HELLO must come first/);
  });
});

describeConformance(
  'where request ids are not checked',
  (router) => {
    it('takes ids in any order, also twice, and what belongs to roles that were not announced (PV-5, 2.4)', async () => {
      const client = await router().join({ roles: { subscriber: {} } });
      for (const request of [123, 789, 5, 5, 2 ** 32 + 1, 9_007_199_254_740_991]) {
        client.send([Code.SUBSCRIBE, request, {}, TOPIC]);
        expect((await client.expect(Code.SUBSCRIBED))[1]).toBe(request);
      }
      client.send([Code.PUBLISH, 5, { acknowledge: true }, TOPIC]);
      expect((await client.expect(Code.PUBLISHED))[1]).toBe(5);
      client.send([Code.REGISTER, 5, {}, PROCEDURE]);
      expect((await client.expect(Code.REGISTERED))[1]).toBe(5);
      client.send([Code.CALL, 77, {}, PROCEDURE]);
      const [, invocation] = await client.expect(Code.INVOCATION);
      client.send([Code.YIELD, invocation, {}]);
      expect(await client.receive()).toEqual([Code.RESULT, 77, {}]);
    });

    it('still aborts what has the wrong shape, and a CALL with the id of one that is pending (MSG-4, PV-10)', async () => {
      const misshaped = await router().join();
      misshaped.send([Code.SUBSCRIBE, 0, {}, TOPIC]);
      expect(await expectAbort(misshaped)).toMatch(/SUBSCRIBE\.Request/);

      const callee = await router().join();
      await callee.register(PROCEDURE);
      const repeating = await router().join();
      repeating.send([Code.CALL, 9, {}, PROCEDURE]);
      repeating.send([Code.CALL, 9, {}, PROCEDURE]);
      expect(await expectAbort(repeating)).toMatch(/CALL 9 continues a call that is not progressive/);
    });
  },
  openRealm({ requestIdCheck: 'off' }),
);

/** ABORT with the reason, transport closed, holdings gone at once, later messages unread, nobody else disturbed (2.4). */
async function expectOutcast(
  router: Router,
  misdeed: Misdeed,
  complaint: RegExp,
  options?: JoinOptions,
): Promise<void> {
  const offender = await router.join(options);
  const bystander = await router.join();
  await bystander.subscribe(TOPIC);
  await offender.subscribe(TOPIC);
  await offender.register(PROCEDURE);
  const violations = router.counted((counters) => counters.violations.all);

  const words = misdeed(offender);
  if (words instanceof Uint8Array) offender.sendBytes(words);
  else offender.send(words);
  // Were it read: in sequence, whether the misdeed used up an id or not.
  offender.send([Code.PUBLISH, offender.nextRequest(), {}, TOPIC, ['after the violation']]);

  expect(await expectAbort(offender)).toMatch(complaint);
  expect(router.counted((counters) => counters.violations.all)).toBe(violations + 1);
  await bystander.register(PROCEDURE);
  await fenceEvents(router, bystander);
}

/** Nothing was published on the way to `subscriber` from any node: the next event is a new one. */
async function fenceEvents(router: Router, subscriber: RawClient): Promise<void> {
  for (let node = 0; node < router.nodeCount; node++) {
    const publisher = await router.joinAt(node);
    const publication = await publisher.publishAcknowledged(TOPIC, ['fence']);
    expect((await subscriber.receive()).slice(2)).toEqual([publication, {}, ['fence']]);
  }
}
