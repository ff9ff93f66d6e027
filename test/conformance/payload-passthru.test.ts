import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { describeConformance } from '../support/conformance.js';
import { abortedFor, answer, callAgain, callError, freshUri, invocation, refuse } from '../support/exchange.js';
import { eventsSoFar, settled, SILENCE } from '../support/fences.js';
import { rolesWithout, type RawClient } from '../support/raw-client.js';

const SERIALIZERS: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];
const PPT = { ppt_scheme: 'x_mine', ppt_serializer: 'cbor', ppt_cipher: 'aes256gcm', ppt_keyid: 'key-1' };
const ENC = { enc_algo: 'cryptobox', enc_key: 'key-1', enc_serializer: 'msgpack' };
const WITHOUT = rolesWithout('payload_passthru_mode');
/** Every byte there is, and no multiple of 3, so that Base64 is padded. */
const SECRET = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** Bytes as the public decoders give them, whatever class those use. */
function bytesOf(value: unknown): number[] {
  if (!(value instanceof Uint8Array)) throw new Error(`expected bytes, got ${JSON.stringify(value)}`);
  return [...value];
}

describeConformance('payload-passthru', (router) => {
  async function peers(calleeRoles?: Record<string, unknown>, serializer: SerializerId = router().serializer) {
    const caller = await router().join();
    const callee = await router().join({ serializer, ...(calleeRoles === undefined ? {} : { roles: calleeRoles }) });
    const procedure = freshUri();
    await callee.register(procedure);
    return { caller, callee, procedure };
  }

  async function subscribers(topic: string, roles?: Record<string, unknown>) {
    const clients: RawClient[] = [];
    for (const serializer of SERIALIZERS) {
      const client = await router().join({ serializer, ...(roles === undefined ? {} : { roles }) });
      await client.subscribe(topic);
      clients.push(client);
    }
    return clients;
  }

  it('hands events on unread, with what describes them, in every serializer (PPT-1, PPT-2)', async () => {
    const topic = freshUri();
    const receivers = await subscribers(topic);
    const publisher = await router().join();
    publisher.publish(topic, [SECRET], { ...PPT, _custom: 'stays here' });
    for (const receiver of receivers) {
      const [code, , , details, args, ...more] = await receiver.receive();
      expect([code, details, more]).toEqual([Code.EVENT, PPT, []]);
      expect((args as unknown[]).map(bytesOf)).toEqual([[...SECRET]]);
    }
  });

  it.each(SERIALIZERS)(
    'hands a call on unread, and its results and errors, to and from %s (PPT-1, PPT-2)',
    async (serializer) => {
      const { caller, callee, procedure } = await peers(undefined, serializer);
      const call = caller.call(procedure, [SECRET], { ...PPT, receive_progress: true });
      const { request, details, payload } = await invocation(callee);
      expect(details).toEqual({ ...PPT, receive_progress: true });
      expect((payload[0] as unknown[]).map(bytesOf)).toEqual([[...SECRET]]);
      const other = { ppt_scheme: 'wamp', ppt_keyid: 'key-2' };
      answer(callee, request, [SECRET], { ...PPT, progress: true });
      answer(callee, request, [SECRET.subarray(1)], other);
      const first = await caller.receive();
      expect(first.slice(0, 3)).toEqual([Code.RESULT, call, { ...PPT, progress: true }]);
      expect((first[3] as unknown[]).map(bytesOf)).toEqual([[...SECRET]]);
      const last = await caller.receive();
      expect(last.slice(0, 3)).toEqual([Code.RESULT, call, other]);
      expect((last[3] as unknown[]).map(bytesOf)).toEqual([[...SECRET.subarray(1)]]);

      const failing = caller.call(procedure);
      const { request: second } = await invocation(callee);
      refuse(callee, second, 'com.example.secret_failure', [[SECRET]], PPT);
      const error = await caller.receive();
      expect(error.slice(0, 5)).toEqual([Code.ERROR, Code.CALL, failing, PPT, 'com.example.secret_failure']);
      expect((error[5] as unknown[]).map(bytesOf)).toEqual([[...SECRET]]);
    },
  );

  it('does not read what it hands on: neither values nor bytes need mean anything (PPT-1, PPT-3)', async () => {
    const topic = freshUri();
    const receivers = await subscribers(topic);
    const publisher = await router().join();
    const odd = { ppt_scheme: 'no such scheme', ppt_serializer: 'punched cards', ppt_cipher: '', ppt_keyid: '\u00e9 ' };
    publisher.publish(topic, [Uint8Array.of()], odd);
    publisher.publish(topic, [Uint8Array.of(7)], { ppt_scheme: 'mqtt' });
    for (const receiver of receivers) {
      const [, , , details, args] = await receiver.receive();
      expect(details).toEqual(odd);
      expect((args as unknown[]).map(bytesOf)).toEqual([[]]);
      expect((await receiver.receive())[3]).toEqual({ ppt_scheme: 'mqtt' });
    }
  });

  it('forwards nothing of it without a scheme (PPT-1)', async () => {
    const { caller, callee, procedure } = await peers();
    const topic = freshUri();
    await callee.subscribe(topic);
    const { ppt_scheme: _scheme, ...others } = PPT;
    for (const options of [others, { ...PPT, ppt_scheme: '' }]) {
      const call = caller.call(procedure, [1], options);
      const { request, details } = await invocation(callee);
      expect(details).toEqual({});
      answer(callee, request, [2], options);
      expect(await caller.receive()).toEqual([Code.RESULT, call, {}, [2]]);
      caller.publish(topic, [3], options);
      expect((await callee.receive())[3]).toEqual({});
    }
  });

  it('names it beside the other details (PPT-1, PBR-6, PBS-3, CID-1)', async () => {
    const caller = await router().join();
    const callee = await router().join();
    const uri = freshUri();
    await callee.register(uri, { match: 'prefix' });
    await callee.subscribe(uri, { match: 'prefix' });
    const { authid, authrole } = caller.welcome;
    caller.call(uri, [SECRET], { ...PPT, disclose_me: true });
    const who = { caller: caller.session, caller_authid: authid, caller_authrole: authrole };
    expect((await invocation(callee)).details).toEqual({ ...PPT, ...who, procedure: uri });
    caller.publish(uri, [SECRET], { ...PPT, disclose_me: true });
    const publisher = { publisher: caller.session, publisher_authid: authid, publisher_authrole: authrole };
    expect((await callee.receive())[3]).toEqual({ ...PPT, ...publisher, topic: uri });
  });

  it('keeps what the first CALL has of it for all chunks, and what each YIELD has (PPT-1, PCI-5)', async () => {
    const { caller, callee, procedure } = await peers();
    const call = caller.call(procedure, [SECRET], { ...PPT, progress: true, receive_progress: true });
    callAgain(caller, call, procedure, [SECRET], { ppt_scheme: 'x_other' });
    expect((await invocation(callee)).details).toEqual({ ...PPT, progress: true, receive_progress: true });
    const { request, details } = await invocation(callee);
    expect(details).toEqual({ ...PPT, receive_progress: true });
    answer(callee, request, ['plain'], { progress: true });
    answer(callee, request, [SECRET], { ppt_scheme: 'x_third' });
    expect((await caller.receive())[2]).toEqual({ progress: true });
    expect((await caller.receive())[2]).toEqual({ ppt_scheme: 'x_third' });
  });

  it('aborts a caller, a publisher and a callee that did not announce it (PPT-4, PV-9)', async () => {
    const caller = await router().join({ roles: WITHOUT });
    caller.call(freshUri(), [SECRET], PPT);
    expect(await abortedFor(caller)).toContain('payload_passthru_mode');
    const publisher = await router().join({ roles: WITHOUT });
    publisher.publish(freshUri(), [SECRET], PPT);
    expect(await abortedFor(publisher)).toContain('payload_passthru_mode');
    const { caller: other, callee, procedure } = await peers(WITHOUT);
    const call = other.call(procedure);
    answer(callee, (await invocation(callee)).request, [SECRET], PPT);
    expect(await abortedFor(callee)).toContain('payload_passthru_mode');
    expect(await callError(other, call)).toBe('wamp.error.canceled');
  });

  it('answers feature_not_supported for a callee that did not announce it (PPT-4)', async () => {
    const { caller, callee, procedure } = await peers(WITHOUT);
    expect(await callError(caller, caller.call(procedure, [SECRET], PPT))).toBe('wamp.error.feature_not_supported');
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('delivers to subscribers that did not announce it (PPT-4)', async () => {
    const topic = freshUri();
    const receivers = await subscribers(topic, WITHOUT);
    const publisher = await router().join();
    publisher.publish(topic, [SECRET], PPT);
    for (const receiver of receivers) {
      const [, , , details, args] = await receiver.receive();
      expect(details).toEqual(PPT);
      expect((args as unknown[]).map(bytesOf)).toEqual([[...SECRET]]);
    }
  });

  it.each(['a result', 'progress', 'an error'])(
    'answers a caller that did not announce it feature_not_supported for %s, and sends the callee nothing wrong (PPT-4, X-23)',
    async (how) => {
      const callee = await router().join();
      const caller = await router().join({ roles: WITHOUT });
      const procedure = freshUri();
      await callee.register(procedure);
      const call = caller.call(procedure, [], { receive_progress: true });
      const { request } = await invocation(callee);
      if (how === 'an error') refuse(callee, request, 'com.example.no', [[SECRET]], PPT);
      else answer(callee, request, [SECRET], { ...PPT, progress: how === 'progress' });
      expect(await callError(caller, call)).toBe('wamp.error.feature_not_supported');
      if (how === 'progress') {
        expect(await callee.receive()).toEqual([Code.INTERRUPT, request, { mode: 'killnowait' }]);
        answer(callee, request, [SECRET], PPT);
      }
      expect(await settled(caller, callee)).toEqual(SILENCE);
    },
  );

  it('aborts who adds words to a payload that must be one (PPT-2)', async () => {
    const { caller, callee, procedure } = await peers();
    const topic = freshUri();
    await callee.subscribe(topic);
    const publisher = await router().join();
    publisher.publish(topic, [SECRET], PPT, { readable: true });
    await abortedFor(publisher);
    const other = await router().join();
    other.call(procedure, [SECRET], PPT, { readable: true });
    await abortedFor(other);
    expect(await settled(caller, callee)).toEqual(SILENCE);
  });

  it('hands on events whose payload is bare bytes, as autobahn writes them, in every serializer (PPT-5, X-13)', async () => {
    const topic = freshUri();
    const receivers = await subscribers(topic);
    const publisher = await router().join();
    publisher.request(Code.PUBLISH, ENC, topic, SECRET);
    publisher.request(Code.PUBLISH, { enc_algo: 'x_own' }, topic, SECRET);
    for (const receiver of receivers)
      for (const described of [ENC, { enc_algo: 'x_own' }]) {
        const [code, , , details, payload, ...more] = await receiver.receive();
        expect([code, details, more]).toEqual([Code.EVENT, described, []]);
        expect(bytesOf(payload)).toEqual([...SECRET]);
      }
  });

  it.each(SERIALIZERS)(
    'hands on calls, results and errors of bare bytes, to and from %s (PPT-5, X-13)',
    async (serializer) => {
      const { caller, callee, procedure } = await peers(undefined, serializer);
      const call = caller.request(Code.CALL, ENC, procedure, SECRET);
      const { request, details, payload } = await invocation(callee);
      expect(details).toEqual(ENC);
      expect(payload.map(bytesOf)).toEqual([[...SECRET]]);
      callee.send([Code.YIELD, request, ENC, SECRET]);
      const result = await caller.receive();
      expect(result.slice(0, 3)).toEqual([Code.RESULT, call, ENC]);
      expect(result.slice(3).map(bytesOf)).toEqual([[...SECRET]]);

      const failing = caller.request(Code.CALL, ENC, procedure, SECRET);
      const { request: second } = await invocation(callee);
      callee.send([Code.ERROR, Code.INVOCATION, second, ENC, 'com.example.no', SECRET]);
      const error = await caller.receive();
      expect(error.slice(0, 5)).toEqual([Code.ERROR, Code.CALL, failing, ENC, 'com.example.no']);
      expect(error.slice(5).map(bytesOf)).toEqual([[...SECRET]]);
    },
  );

  it('needs no announcement for that form, of nobody (PPT-5)', async () => {
    const callee = await router().join({ roles: WITHOUT });
    const caller = await router().join({ roles: WITHOUT });
    const procedure = freshUri();
    await callee.register(procedure);
    caller.request(Code.CALL, ENC, procedure, SECRET);
    const { request } = await invocation(callee);
    callee.send([Code.YIELD, request, ENC, SECRET]);
    expect((await caller.expect(Code.RESULT)).slice(2, 3)).toEqual([ENC]);
  });

  it.each([
    ['bare bytes without enc_algo', {}, SECRET],
    ['bare text without enc_algo', PPT, 'text'],
    ['both forms at once', { ...PPT, ...ENC }, SECRET],
    ['an unknown algorithm', { enc_algo: 'rot13' }, SECRET],
    ['a scheme that is no string', { ppt_scheme: 1 }, [SECRET]],
  ])('aborts a publisher that sends %s (PPT-5, MSG-3, MSG-6)', async (_what, options, payload) => {
    const topic = freshUri();
    const subscriber = await router().join();
    await subscriber.subscribe(topic);
    const publisher = await router().join();
    publisher.request(Code.PUBLISH, options, topic, payload);
    await abortedFor(publisher);
    expect(await eventsSoFar(await router().join(), subscriber)).toEqual([]);
  });
});
