import { describe, expect, it } from 'vitest';
import { rawPayload } from '../../../../src/codec/payload.js';
import { encodeValues } from '../../../../src/codec/transcode.js';
import type { Values } from '../../../../src/codec/payload-values.js';
import { ServiceCallError } from '../../../../src/realm/sessions/service-session.js';
import { Code } from '../../../../src/wamp/codes.js';
import { FloatOnWire } from '../../../../src/wamp/float-on-wire.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import type { List } from '../../../../src/wamp/options.js';
import type { Payload, SerializerId } from '../../../../src/wamp/payload.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { Scene, type Client, type SceneNode } from '../../../support/realm-scene.js';

const TIMEOUT_MS = 1_000;
const PROCEDURE = 'com.example.decide';

/** The outcomes of one call of the router: a second one would be a second entry. */
class Watched {
  readonly outcomes: (Values | ServiceCallError)[] = [];

  constructor(call: Promise<Values>) {
    call.then(
      (values) => this.outcomes.push(values),
      (error: unknown) => {
        if (!(error instanceof ServiceCallError)) throw error;
        this.outcomes.push(error);
      },
    );
  }

  get error(): string | undefined {
    const [outcome] = this.outcomes;
    if (this.outcomes.length !== 1) throw new Error(`${this.outcomes.length} outcomes`);
    return outcome instanceof ServiceCallError ? outcome.error : undefined;
  }
}

interface Stage {
  readonly scene: Scene;
  readonly here: SceneNode;
  readonly there: SceneNode;
  readonly callee: Client;
  readonly call: (signal?: AbortSignal, args?: List) => Watched;
}

/** The service session of `here`, and a callee: on the same node, or on another. */
async function stage(place: 'here' | 'there'): Promise<Stage> {
  const scene = new Scene();
  const [here, there] = [await scene.node('here'), await scene.node('there')];
  const callee = (place === 'here' ? here : there).join();
  callee.register(PROCEDURE);
  await scene.deliver();
  expect(callee.take()).toEqual([Code.REGISTERED]);
  const call = (signal?: AbortSignal, args: List = ['realm', null, { n: 1 }]): Watched =>
    new Watched(here.realm.service.call(PROCEDURE, args, { timeoutMs: TIMEOUT_MS, signal }));
  return { scene, here, there, callee, call };
}

function raw(serializer: SerializerId, values: List): Payload {
  const bytes = encodeValues(serializer, values);
  if (!(bytes instanceof Uint8Array)) throw new Error(bytes.message);
  return rawPayload(serializer, values.length as 1 | 2, bytes);
}

describe.each(['here', 'there'] as const)('a call of the service session to a callee %s', (place) => {
  it.each(['json', 'msgpack', 'cbor'] as const)('gets the result decoded from %s', async (serializer) => {
    const { scene, callee, call, here } = await stage(place);
    const watched = call();
    await scene.deliver();
    const [, , , details, payload] = callee.received.at(-1) as unknown as [number, number, number, object, Payload];
    expect(details).toMatchObject({ caller_authrole: 'gantry.service' });
    expect(payload.in('json')).toEqual(new TextEncoder().encode('["realm",null,{"n":1}]'));
    callee.yield(1, raw(serializer, [['role', new FloatOnWire(2), { deep: [true, null] }], { secret: 's' }]));
    await scene.deliver();
    expect(watched.outcomes).toEqual([{ args: ['role', 2, { deep: [true, null] }], kwargs: { secret: 's' } }]);
    expect(here.realm.isEmpty).toBe(place === 'there');
  });

  it('gets an empty result', async () => {
    const { scene, callee, call } = await stage(place);
    const watched = call();
    await scene.deliver();
    callee.yield(1);
    await scene.deliver();
    expect(watched.outcomes).toEqual([{ args: [], kwargs: {} }]);
  });

  it('rejects with the error of the callee', async () => {
    const { scene, callee, call } = await stage(place);
    const watched = call();
    await scene.deliver();
    callee.fail(1, 'com.example.no', raw('json', [['because'], { code: 7 }]));
    await scene.deliver();
    expect(watched.error).toBe('com.example.no');
    expect(watched.outcomes).toMatchObject([{ args: ['because'], kwargs: { code: 7 } }]);
  });

  it('ends when the callee leaves (DLR-12)', async () => {
    const { scene, callee, call } = await stage(place);
    const watched = call();
    await scene.deliver();
    callee.realm.remove(callee.session);
    await scene.deliver();
    expect(watched.error).toBe(ErrorUri.CANCELED);
  });

  it('ends after its timeout, and ignores the late result', async () => {
    const { scene, here, callee, call } = await stage(place);
    const watched = call();
    await scene.deliver();
    here.passTime();
    await scene.deliver();
    expect(watched.error).toBe(ErrorUri.TIMEOUT);
    callee.yield(1, raw('json', [['late']]));
    await scene.deliver();
    expect(watched.outcomes).toHaveLength(1);
    expect(callee.take()).toEqual([Code.INVOCATION, Code.INTERRUPT]);
  });

  it('is canceled when its signal aborts, and interrupts the callee', async () => {
    const { scene, here, callee, call } = await stage(place);
    const controller = new AbortController();
    const watched = call(controller.signal);
    await scene.deliver();
    controller.abort();
    await scene.deliver();
    expect(watched.error).toBe(ErrorUri.CANCELED);
    expect(callee.take()).toEqual([Code.INVOCATION, Code.INTERRUPT]);
    expect(here.realm.dealer.sizes().pendingCalls).toBe(0);
    expect(call(controller.signal)).toBeDefined();
    await scene.deliver();
    expect(callee.take()).toEqual([]);
  });

  it('ends when the realm closes on this node', async () => {
    const { scene, here, callee, call } = await stage(place);
    const watched = call();
    await scene.deliver();
    expect(here.realm.isEmpty).toBe(false);
    const { realm } = here;
    here.realms.stop();
    await scene.deliver();
    expect(watched.error).toBe(ErrorUri.UNAVAILABLE);
    expect(callee.take()).toEqual([Code.INVOCATION, Code.INTERRUPT]);
    const late = new Watched(realm.service.call(PROCEDURE, [], { timeoutMs: TIMEOUT_MS }));
    await scene.deliver();
    expect(late.error).toBe(ErrorUri.UNAVAILABLE);
    expect(realm.dealer.sizes()).toMatchObject({ pendingCalls: 0, callers: 0 });
  });

  it('fails when no such procedure is registered', async () => {
    const { scene, here } = await stage(place);
    const watched = new Watched(here.realm.service.call('com.example.other', [], { timeoutMs: TIMEOUT_MS }));
    await scene.deliver();
    expect(watched.error).toBe(ErrorUri.NO_SUCH_PROCEDURE);
  });

  it('fails when its arguments cannot be sent to other nodes', async () => {
    const { scene, call, callee } = await stage(place);
    const watched = call(undefined, [Number.NaN]);
    await scene.deliver();
    expect(watched.error).toBe(ErrorUri.INVALID_ARGUMENT);
    expect(callee.take()).toEqual([]);
  });
});

describe('a call of the service session to another node', () => {
  it.each(['dies', 'is cut off'] as const)('ends when that node %s (G3, G5, G6)', async (end) => {
    const { scene, here, call } = await stage('there');
    const watched = call();
    await scene.deliver();
    if (end === 'dies') {
      scene.hub.faults.kill('there' as NodeId);
      scene.hub.faults.declareDead('there' as NodeId);
    } else scene.hub.faults.isolate('there' as NodeId);
    await scene.deliver();
    if (end === 'is cut off') {
      // Its node has given the call up, and notifies this one when it is back.
      scene.hub.faults.heal('there' as NodeId);
      await scene.deliver();
    }
    expect(watched.error).toBe(end === 'dies' ? ErrorUri.CANCELED : ErrorUri.NETWORK_FAILURE);
    expect(here.realm.dealer.sizes().pendingCalls).toBe(0);
  });

  it('ends when this node is cut off', async () => {
    const { scene, call } = await stage('there');
    const watched = call();
    await scene.deliver();
    scene.hub.faults.isolate('here' as NodeId);
    await scene.deliver();
    expect(watched.error).toBe(ErrorUri.NETWORK_FAILURE);
  });
});

describe('the service session', () => {
  it('is no session of the realm, and has as many calls in flight as it needs', async () => {
    const { scene, here, callee } = await stage('here');
    const { service } = here.realm;
    expect(here.realm.service).toBe(service);
    const calls = Array.from({ length: 20 }, () => new Watched(service.call(PROCEDURE, [], { timeoutMs: TIMEOUT_MS })));
    await scene.deliver();
    expect(callee.take()).toHaveLength(20);
    expect(here.realm.sessions.size).toBe(1);
    expect(calls.map(({ outcomes }) => outcomes)).toEqual(calls.map(() => []));
  });

  it('publishes to subscribers of every node', async () => {
    const { scene, here, there } = await stage('here');
    const topic = 'com.example.news';
    const subscribers = [here.join(), there.join()];
    for (const subscriber of subscribers) subscriber.subscribe(topic);
    await scene.deliver();
    for (const subscriber of subscribers) subscriber.take();
    here.realm.service.publish(topic, ['text'], { more: 1 });
    await scene.deliver();
    expect(subscribers.map(({ events }) => events)).toEqual([1, 1]);
  });
});

describe('a procedure of the router', () => {
  const procedures = new Map([
    ['gantry.test.echo', ({ args, kwargs }: { args: List; kwargs: object }) => ({ args: [...args, kwargs] })],
  ]);

  it('answers with the result', async () => {
    const scene = new Scene();
    const node = await scene.node('here', procedures);
    const caller = node.join();
    const request = caller.call('gantry.test.echo', {}, 1, raw('msgpack', [[1, 'two'], { three: 3 }]));
    const [code, answered, , payload] = caller.received.at(-1) as unknown as [number, number, object, Payload];
    expect([code, answered]).toEqual([Code.RESULT, request]);
    expect(payload.in('json')).toEqual(new TextEncoder().encode('[1,"two",{"three":3}]'));
  });

  it('takes neither progressive calls nor passthru', async () => {
    const scene = new Scene();
    const node = await scene.node('here', procedures);
    const caller = node.join();
    caller.call('gantry.test.echo', { progress: true }, 1);
    caller.call('gantry.test.echo', { progress: false }, 1);
    caller.call('gantry.test.echo', { passthru: { form: 'ppt', details: { ppt_scheme: 'x_a' } } }, 2);
    expect(caller.take()).toEqual([
      [1, ErrorUri.NO_SUCH_PROCEDURE],
      [2, ErrorUri.FEATURE_NOT_SUPPORTED],
    ]);
  });
});

describe('a procedure of the router that takes time', () => {
  /** The procedure does not settle unless the test settles it. */
  async function slow() {
    const scene = new Scene();
    const ends: { resolve: (result: object) => void; reject: (error: Error) => void; signal: AbortSignal }[] = [];
    const procedures = new Map([
      [
        'gantry.test.slow',
        ({ signal }: { signal: AbortSignal }) =>
          new Promise<object>((resolve, reject) => ends.push({ resolve, reject, signal })),
      ],
    ]);
    const node = await scene.node('here', procedures);
    const caller = node.join();
    return { scene, node, caller, ends };
  }

  it('answers when it settles, once', async () => {
    const { scene, node, caller, ends } = await slow();
    caller.call('gantry.test.slow', {}, 1);
    caller.call('gantry.test.slow', {}, 2);
    expect(node.realm.hasCallsInFlight(caller.session)).toBe(true);
    ends[1]!.resolve({ args: [2] });
    ends[0]!.reject(new Error('broken'));
    await scene.deliver();
    expect(caller.take()).toEqual([[1, ErrorUri.UNAVAILABLE], Code.RESULT].reverse());
    expect(node.failures).toEqual([new Error('broken')]);
    expect(node.realm.hasCallsInFlight(caller.session)).toBe(false);
  });

  it('is canceled, times out, and is dropped with its caller', async () => {
    const { scene, node, caller, ends } = await slow();
    caller.call('gantry.test.slow', {}, 1);
    caller.cancel(1, 'kill');
    expect(caller.take()).toEqual([[1, ErrorUri.CANCELED]]);
    caller.call('gantry.test.slow', { timeoutMs: 10 }, 2);
    node.passTime();
    expect(caller.take()).toEqual([[2, ErrorUri.TIMEOUT]]);
    caller.call('gantry.test.slow', {}, 3);
    node.realm.remove(caller.session);
    expect(ends.map(({ signal }) => signal.aborted)).toEqual([true, true, true]);
    for (const { resolve } of ends) resolve({});
    await scene.deliver();
    expect(caller.take()).toEqual([]);
  });

  it('bounds what one session has in flight', async () => {
    const { caller, node } = await slow();
    for (let request = 1; request <= 11; request++) caller.call('gantry.test.slow', {}, request);
    expect(caller.take()).toEqual([[11, ErrorUri.LIMIT_EXCEEDED]]);
    expect(node.counters.limitsReached.calls_per_session).toBe(1);
  });

  it('refuses a CALL that repeats the id of one in flight', async () => {
    const { caller } = await slow();
    caller.call('gantry.test.slow', {}, 1);
    expect(() => caller.call('gantry.test.slow', {}, 1)).toThrow('repeats the request id 1');
  });
});
