import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { describeConformance } from '../support/conformance.js';
import { abortedFor, answer, callError, freshUri, invocation } from '../support/exchange.js';
import { eventsSoFar, settled, SILENCE } from '../support/fences.js';
import type { RawClient } from '../support/raw-client.js';
import { dict, type Spelled } from '../support/spellings.js';
import { messageWith, REFUSED, REWRITTEN } from '../support/unportable.js';

const SERIALIZERS: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];
const BYTES = new Uint8Array([1, 2, 3]);
const NONE = dict({});

/** What ends sessions of autobahn-python, autobahn-js, wampy or nexus at the receiver's side goes no further. */
describeConformance('what other clients cannot read', (router) => {
  const mine = <Row extends readonly [SerializerId, ...unknown[]]>(rows: readonly Row[]): Row[] =>
    rows.filter(([serializer]) => serializer === router().serializer);

  async function subscribers(topic: string): Promise<RawClient[]> {
    const clients: RawClient[] = [];
    for (const serializer of SERIALIZERS) {
      const client = await router().join({ serializer });
      await client.subscribe(topic);
      clients.push(client);
    }
    return clients;
  }

  function sendRaw(client: RawClient, header: readonly Spelled[], args: string): void {
    client.sendBytes(messageWith(client.serializer.id, header, args));
  }

  it('is refused at the publisher (SER-3, SER-6, MSG-4, PV-7)', async () => {
    const topic = freshUri();
    const receivers = await subscribers(topic);
    for (const [, what, args, message] of mine(REFUSED)) {
      const publisher = await router().join();
      sendRaw(publisher, [Code.PUBLISH, 1, NONE, topic], args);
      expect(await abortedFor(publisher), what).toContain(message);
    }
    const witness = await router().join();
    for (const receiver of receivers) expect(await eventsSoFar(witness, receiver)).toEqual([]);
  });

  it('is refused at the caller and at the callee (SER-6, PV-7)', async () => {
    const [, , args] = mine(REFUSED)[0]!;
    const callee = await router().join();
    const caller = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    const hostile = await router().join();
    sendRaw(hostile, [Code.CALL, 1, NONE, procedure], args);
    await abortedFor(hostile);
    expect(await settled(caller, callee)).toEqual(SILENCE);

    for (const answers of [
      (request: number): Spelled[] => [Code.YIELD, request, NONE],
      (request: number): Spelled[] => [Code.ERROR, Code.INVOCATION, request, NONE, 'com.example.no'],
    ]) {
      const other = await router().join();
      const its = freshUri();
      await other.register(its);
      const call = caller.call(its);
      sendRaw(other, answers((await invocation(other)).request), args);
      await abortedFor(other);
      expect(await callError(caller, call)).toBe('wamp.error.canceled');
    }
  });

  it('is rewritten so that every library reads it, in every serializer (SER-6)', async () => {
    const topic = freshUri();
    const receivers = await subscribers(topic);
    const publisher = await router().join();
    for (const [, what, args] of mine(REWRITTEN)) {
      sendRaw(publisher, [Code.PUBLISH, publisher.nextRequest(), NONE, topic], args);
      // NaN in a payload is the value that JSON cannot encode.
      const reachable = receivers.filter(({ serializer }) => !what.endsWith('NaN') || serializer.id !== 'json');
      for (const receiver of reachable) {
        // The decoders of the tests refuse tags, strings in pieces and extensions.
        expect((await receiver.receive())[0], what).toBe(Code.EVENT);
      }
    }
  });

  it.each([
    ...[
      '\u001c',
      '\u001d',
      '\u001e',
      '\u001f',
      '\u0085',
      '\u00a0',
      '\u2028',
      '\u180e',
      '\ufeff',
      ' ',
      '#',
      '\n',
      '\u0000',
      '\u0001',
      '\u007f',
      '\u009f',
    ],
  ])('an error URI with %j becomes one that can be read (URI-4, DLR-7)', async (character) => {
    const callee = await router().join();
    const caller = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    const call = caller.call(procedure);
    const { request } = await invocation(callee);
    callee.send([Code.ERROR, Code.INVOCATION, request, {}, `com.a${character}b`]);
    expect(await callError(caller, call)).toBe('wamp.error.invalid_uri');
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it.each<[string, object, unknown[]]>([
    ['enc_algo with text', { enc_algo: 'cryptobox' }, ['text']],
    ['enc_algo with a serializer nobody knows', { enc_algo: 'cryptobox', enc_serializer: 'odd' }, [BYTES]],
    ['enc_algo with a key of bytes', { enc_algo: 'cryptobox', enc_key: BYTES }, [BYTES]],
    ['enc_algo of an odd name', { enc_algo: 'x_Odd name' }, [BYTES]],
    ['ppt_scheme without Arguments', { ppt_scheme: 'mqtt', ppt_serializer: 'cbor' }, []],
    ['ppt_scheme with empty Arguments', { ppt_scheme: 'mqtt', ppt_serializer: 'cbor' }, [[]]],
    ['ppt_scheme with two arguments', { ppt_scheme: 'mqtt', ppt_serializer: 'cbor' }, [[BYTES, 1]]],
    ['ppt_scheme with an argument that is no bytes', { ppt_scheme: 'mqtt', ppt_serializer: 'cbor' }, [[1]]],
    ['ppt_scheme with text', { ppt_scheme: 'mqtt', ppt_serializer: 'json' }, [['text']]],
    ['ppt_scheme with a key of bytes', { ppt_scheme: 'mqtt', ppt_keyid: BYTES }, [[BYTES]]],
    ['ppt_scheme with ArgumentsKw', { ppt_scheme: 'mqtt' }, [[BYTES], { a: 1 }]],
  ])('%s is refused in PUBLISH, CALL and YIELD (PPT-2, PPT-5, MSG-6)', async (_what, options, payload) => {
    const topic = freshUri();
    const receivers = await subscribers(topic);
    const publisher = await router().join();
    publisher.request(Code.PUBLISH, options, topic, ...payload);
    await abortedFor(publisher);
    const witness = await router().join();
    for (const receiver of receivers) expect(await eventsSoFar(witness, receiver)).toEqual([]);

    const callee = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    const hostile = await router().join();
    hostile.request(Code.CALL, options, procedure, ...payload);
    await abortedFor(hostile);
    const call = witness.call(procedure);
    callee.send([Code.YIELD, (await invocation(callee)).request, options, ...payload]);
    await abortedFor(callee);
    expect(await callError(witness, call)).toBe('wamp.error.canceled');
  });
});

/** Go clients write null for Arguments beside ArgumentsKw; others leave ArgumentsKw null or empty. */
describeConformance('sloppy payloads', (router) => {
  const KW = { a: 1 };

  it('null in place of Arguments is an empty list, in PUBLISH, CALL, YIELD and ERROR (MSG-7)', async () => {
    const topic = freshUri();
    const procedure = freshUri();
    const publisher = await router().join();
    const callee = await router().join();
    await callee.register(procedure);
    for (const serializer of SERIALIZERS) {
      const peer = await router().join({ serializer });
      await peer.subscribe(topic);
      publisher.request(Code.PUBLISH, {}, topic, null, KW);
      expect((await peer.receive()).slice(4)).toEqual([[], KW]);

      const call = peer.request(Code.CALL, {}, procedure, null, KW);
      const first = await invocation(callee);
      expect(first.payload).toEqual([[], KW]);
      callee.send([Code.YIELD, first.request, {}, null, KW]);
      expect(await peer.receive()).toEqual([Code.RESULT, call, {}, [], KW]);

      const failing = peer.call(procedure);
      const second = await invocation(callee);
      callee.send([Code.ERROR, Code.INVOCATION, second.request, {}, 'com.example.no', null, KW]);
      expect(await peer.receive()).toEqual([Code.ERROR, Code.CALL, failing, {}, 'com.example.no', [], KW]);
    }
  });

  it.each([
    ['Arguments alone', [null], []],
    ['both', [null, null], []],
    ['ArgumentsKw', [[1], null], [[1]]],
  ])('null for %s means that there are none (MSG-7)', async (_what, payload, expected) => {
    const callee = await router().join();
    const caller = await router().join();
    const procedure = freshUri();
    await callee.register(procedure);
    const call = caller.request(Code.CALL, {}, procedure, ...payload);
    const { request, payload: received } = await invocation(callee);
    expect(received).toEqual(expected);
    answer(callee, request);
    expect(await caller.receive()).toEqual([Code.RESULT, call, {}]);
  });

  it('ArgumentsKw that are empty may stand beside an opaque payload, and are left out (PPT-2)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    for (const serializer of SERIALIZERS) {
      const receiver = await router().join({ serializer });
      await receiver.subscribe(topic);
      for (const kwargs of [{}, null]) {
        publisher.request(Code.PUBLISH, { ppt_scheme: 'x_own', ppt_serializer: 'cbor' }, topic, [BYTES], kwargs);
        const [, , , , args, ...more] = await receiver.receive();
        expect([...(args as Uint8Array[])[0]!]).toEqual([...BYTES]);
        expect(more).toEqual([]);
      }
    }
  });

  it('one dict is the opaque payload when the session serializes it itself, as wampy does (PPT-2)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const receiver = await router().join();
    await receiver.subscribe(topic);
    publisher.request(Code.PUBLISH, { ppt_scheme: 'x_own' }, topic, [{ args: [1] }]);
    expect((await receiver.receive()).slice(3)).toEqual([{ ppt_scheme: 'x_own' }, [{ args: [1] }]]);
  });
});

describe('the tables', () => {
  it('have something for every serializer', () => {
    for (const id of SERIALIZERS)
      for (const table of [REFUSED, REWRITTEN]) expect(table.some(([serializer]) => serializer === id)).toBe(true);
  });
});
