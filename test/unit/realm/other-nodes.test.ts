import { describe, expect, it } from 'vitest';
import type { Backplane } from '../../../src/backplane/backplane.js';
import { FaultyHub } from '../../support/memory-faults.js';
import { payloadOf } from '../../../src/codec/payload.js';
import { Delivery } from '../../../src/realm/delivery.js';
import { createRandomSource } from '../../../src/realm/random-source.js';
import { Inbound } from '../../../src/realm/inbound.js';
import type { Realm, RealmSettings } from '../../../src/realm/realm.js';
import { Realms } from '../../../src/realm/realms.js';
import type { Session } from '../../../src/session/ports.js';
import { createCounters } from '../../../src/telemetry/counters.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { Code } from '../../../src/wamp/codes.js';
import { isFault } from '../../../src/wamp/faults.js';
import type { NodeId, RequestId, Uri } from '../../../src/wamp/ids.js';
import type { RouterMessage } from '../../../src/wamp/messages.js';
import type { CallOptions, CancelMode, InvocationPolicy } from '../../../src/wamp/options.js';
import { ErrorUri } from '../../../src/wamp/uris.js';
import { testPeer } from '../../support/recording-outlet.js';
import { codecs } from '../../support/session-harness.js';
import { newcomer } from '../../support/newcomer.js';

const REALM = 'com.realm';
const IDLE_MS = 1_000;

const SETTINGS: RealmSettings = {
  rules: {
    uriCheck: 'loose',
    requestIdCheck: 'off',
    allowDisclose: true,
    callTimeoutUnit: 'ms',
    maxUriBytes: 255,
    maxUriComponents: 16,
  },
  dealing: {
    progressiveResultsRequireCanceling: false,
    timeoutUnit: 'ms',
    busyError: 'wamp',
    forceReregister: 'nobody',
  },
  authorizers: new Map(),
};

/** Nodes with real realms on one hub, whose lanes and timers the test runs. */
class Scene {
  readonly hub: FaultyHub;
  readonly #runs: { readonly from: NodeId; readonly to: NodeId; readonly deliver: () => void }[] = [];

  constructor() {
    this.hub = new FaultyHub({ schedule: (from, to, deliver) => this.#runs.push({ from, to, deliver }) });
  }

  async node(name: string): Promise<SceneNode> {
    const node = new SceneNode(this.hub.join(name as NodeId));
    await this.settle(node.start());
    return node;
  }

  /** Delivers everything but what goes from and to, and lets promises settle, until nothing is under way. */
  async deliver(except?: { from: string; to: string }): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const index = this.#runs.findIndex(({ from, to }) => from !== except?.from || to !== except.to);
      if (index === -1) return;
      for (const { deliver } of this.#runs.splice(index, 1)) deliver();
    }
  }

  async settle<T>(waiting: Promise<T>): Promise<T> {
    await this.deliver();
    return waiting;
  }
}

class SceneNode {
  readonly backplane: Backplane;
  readonly realms: Realms;
  readonly #timers: (() => void)[] = [];

  constructor(backplane: Backplane) {
    this.backplane = backplane;
    const counters = createCounters();
    this.realms = new Realms({
      configured: new Map(),
      template: { settings: SETTINGS, admits: () => true, idleMs: IDLE_MS },
      maxRealms: 1,
      logger: silentLogger,
      shared: {
        backplane,
        codecs,
        counters,
        delivery: new Delivery(codecs, counters, { spent: 0 }),
        random: createRandomSource(),
        limits: {
          maxSessions: 10,
          maxSubscriptionsPerSession: 10,
          maxRegistrationsPerSession: 10,
          maxPendingCallsPerSession: 10,
          maxHeldMessages: 1_000,
          maxHeldBytes: 1_000_000,
          interruptTimeoutMs: 5_000,
        },
        nowMs: () => 0,
        after: (_delayMs, action) => {
          this.#timers.push(action);
          return () => undefined;
        },
        totals: { sessionCount: 0 },
        onLostRequest: (_operation, cause) => {
          throw cause;
        },
      },
    });
  }

  async start(): Promise<void> {
    await this.backplane.start(
      new Inbound(this.realms.all, this.backplane.bus, {
        gap: () => undefined,
        nodeGone: () => undefined,
        reach: () => undefined,
        fenced: () => undefined,
      }),
    );
    const opened = await this.realms.open(REALM);
    if (isFault(opened)) throw new Error(opened.message);
  }

  get realm(): Realm {
    return this.realms.all.get(REALM)!;
  }

  /** Every timer fires: an empty realm closes. */
  passTime(): void {
    for (const action of this.#timers.splice(0)) action();
  }

  join(): Client {
    return new Client(this.realm);
  }
}

/** A session of a realm: what was sent to it. */
class Client {
  readonly realm: Realm;
  readonly session: Session;
  readonly received: RouterMessage[] = [];
  #lastRequest = 0;

  constructor(realm: Realm) {
    this.realm = realm;
    const features = new Set(['call_canceling', 'progressive_call_invocations', 'progressive_call_results'] as const);
    this.session = {
      ...testPeer({ features: { caller: features, callee: features } }),
      realm: REALM,
      authmethod: 'anonymous',
      authprovider: 'static',
      serializer: 'json',
      isOpen: true,
      isReachable: true,
      send: (message) => void this.received.push(message),
      write: () => undefined,
      close: () => undefined,
      dismiss: () => undefined,
      abort: (violation) => {
        throw new Error(violation.message);
      },
    };
    // As if reserved before: admission counts on it.
    void realm.reserve(newcomer());
    realm.admit(this.session);
  }

  register(procedure: Uri, invoke: InvocationPolicy = 'single'): void {
    const request = ++this.#lastRequest as RequestId;
    const options = {
      match: 'exact',
      invoke,
      discloseCaller: false,
      forwardTimeout: false,
      forceReregister: false,
    } as const;
    this.realm.route(this.session, [Code.REGISTER, request, options, procedure], false);
  }

  call(procedure: Uri, options: Partial<CallOptions> = {}, request = ++this.#lastRequest): number {
    const all = { timeoutMs: 0, receiveProgress: false, progress: false, discloseMe: false, ...options };
    this.realm.route(this.session, [Code.CALL, request as RequestId, all, procedure, payloadOf([])], false);
    return request;
  }

  cancel(request: number, mode: CancelMode): void {
    this.realm.route(this.session, [Code.CANCEL, request as RequestId, { mode }], false);
  }

  yield(request: number): void {
    this.realm.route(this.session, [Code.YIELD, request as RequestId, { progress: false }, payloadOf([])], false);
  }

  /** The codes that came since the last time, and what an ERROR says. */
  take(): unknown[] {
    return this.received
      .splice(0)
      .map((message) => (message[0] === Code.ERROR ? [message[2], message[4]] : message[0]));
  }
}

/** A caller on one node, a callee of com.a on another. */
async function apart(): Promise<{ scene: Scene; here: SceneNode; there: SceneNode; caller: Client; callee: Client }> {
  const scene = new Scene();
  const [here, there] = [await scene.node('here'), await scene.node('there')];
  const [caller, callee] = [here.join(), there.join()];
  callee.register('com.a', 'first');
  await scene.deliver();
  expect(callee.take()).toEqual([Code.REGISTERED]);
  return { scene, here, there, caller, callee };
}

describe('a call to a node that cannot be reached', () => {
  it.each(['here', 'there'])('fails at once with network_failure when the one cut off is %s (G6)', async (cutOff) => {
    const { scene, caller, callee } = await apart();
    scene.hub.faults.isolate(cutOff as NodeId);
    const request = caller.call('com.a');
    expect(caller.take()).toEqual([[request, ErrorUri.NETWORK_FAILURE]]);
    scene.hub.faults.heal(cutOff as NodeId);
    await scene.deliver();
    const next = caller.call('com.a');
    await scene.deliver();
    expect(callee.take()).toEqual([Code.INVOCATION]);
    expect(caller.take()).toEqual([]);
    expect(next).not.toBe(request);
  });

  it('goes to another callee that can be reached (G6, SHR-7)', async () => {
    const { scene, here, caller } = await apart();
    const near = here.join();
    near.register('com.a', 'first');
    await scene.deliver();
    near.take();
    scene.hub.faults.isolate('here' as NodeId);
    caller.call('com.a');
    expect(near.take()).toEqual([Code.INVOCATION]);
    expect(caller.take()).toEqual([]);
  });

  it('fails when its next chunk does not arrive, and is over there too (PCI-1, G3)', async () => {
    const { scene, there, caller, callee } = await apart();
    const request = caller.call('com.a', { progress: true });
    await scene.deliver();
    expect(callee.take()).toEqual([Code.INVOCATION]);
    scene.hub.faults.returnNext('here' as NodeId, 'there' as NodeId);
    caller.call('com.a', { progress: true }, request);
    await scene.deliver();
    expect(caller.take()).toEqual([[request, ErrorUri.NETWORK_FAILURE]]);
    expect(callee.take()).toEqual([Code.INTERRUPT]);
    expect(there.realm.dealer.sizes().invocations).toBe(0);
  });

  it('is canceled at once although its callee cannot be asked to stop (CAN-1, G3)', async () => {
    const { scene, here, caller } = await apart();
    const request = caller.call('com.a');
    await scene.deliver();
    scene.hub.faults.isolate('there' as NodeId);
    caller.cancel(request, 'kill');
    expect(caller.take()).toEqual([[request, ErrorUri.CANCELED]]);
    expect(here.realm.dealer.sizes().pendingCalls).toBe(0);
  });
});

describe('a node that is cut off', () => {
  it('ends the calls that callees of others have, at once and once (G3, G6)', async () => {
    const { scene, here, there, caller, callee } = await apart();
    const progressive = caller.call('com.a', { progress: true, receiveProgress: true });
    const request = caller.call('com.a');
    await scene.deliver();
    scene.hub.faults.isolate('here' as NodeId);
    expect(caller.take()).toEqual([
      [progressive, ErrorUri.NETWORK_FAILURE],
      [request, ErrorUri.NETWORK_FAILURE],
    ]);
    expect(here.realm.dealer.sizes().pendingCalls).toBe(0);
    callee.yield(1);
    scene.hub.faults.heal('here' as NodeId);
    await scene.deliver();
    expect(caller.take()).toEqual([]);
    // What it was still working on is over for its callee too.
    expect(callee.take()).toEqual([Code.INVOCATION, Code.INVOCATION, Code.INTERRUPT]);
    expect(there.realm.dealer.sizes().invocations).toBe(0);
    caller.call('com.a');
    await scene.deliver();
    callee.yield(3);
    await scene.deliver();
    expect(caller.take()).toEqual([Code.RESULT]);
  });

  it('interrupts what its callees do for others, who are told when it is back (G3, DLR-11)', async () => {
    const { scene, there, caller, callee } = await apart();
    const request = caller.call('com.a');
    await scene.deliver();
    callee.take();
    scene.hub.faults.isolate('there' as NodeId);
    expect(callee.take()).toEqual([Code.INTERRUPT]);
    expect(there.realm.dealer.sizes().invocations).toBe(0);
    expect(caller.take()).toEqual([]);
    scene.hub.faults.heal('there' as NodeId);
    await scene.deliver();
    expect(caller.take()).toEqual([[request, ErrorUri.NETWORK_FAILURE]]);
  });

  it('goes on with calls between its own sessions (G6)', async () => {
    const { scene, there, callee } = await apart();
    const near = there.join();
    near.call('com.a');
    scene.hub.faults.isolate('there' as NodeId);
    expect(callee.take()).toEqual([Code.INVOCATION]);
    callee.yield(1);
    expect(near.take()).toEqual([Code.RESULT]);
  });
});

describe('a call to a node that does not listen', () => {
  it('ends with network_failure as soon as its invoke comes back (G3, G6)', async () => {
    const { scene, here, caller } = await apart();
    scene.hub.faults.returnNext('here' as NodeId, 'there' as NodeId);
    const request = caller.call('com.a');
    expect(caller.take()).toEqual([]);
    await scene.deliver({ from: 'here', to: 'there' });
    expect(caller.take()).toEqual([[request, ErrorUri.NETWORK_FAILURE]]);
    await scene.deliver();
    expect(caller.take()).toEqual([]);
    expect(here.realm.dealer.sizes().pendingCalls).toBe(0);
  });

  it('goes to another callee as soon as its invoke comes back (SHR-7)', async () => {
    const { scene, here, caller, callee } = await apart();
    const near = here.join();
    near.register('com.a', 'first');
    await scene.deliver();
    near.take();
    scene.hub.faults.returnNext('here' as NodeId, 'there' as NodeId);
    caller.call('com.a');
    await scene.deliver();
    expect([near.take(), callee.take(), caller.take()]).toEqual([[Code.INVOCATION], [], []]);
  });

  it('is canceled as soon as its cancel comes back (CAN-1, G3)', async () => {
    const { scene, caller, callee } = await apart();
    const request = caller.call('com.a');
    await scene.deliver();
    scene.hub.faults.returnNext('here' as NodeId, 'there' as NodeId);
    caller.cancel(request, 'kill');
    expect(caller.take()).toEqual([]);
    await scene.deliver();
    expect(caller.take()).toEqual([[request, ErrorUri.CANCELED]]);
    // What the lane lost is made good on both sides.
    expect(callee.take()).toEqual([Code.INVOCATION, Code.INTERRUPT]);
  });
});

describe('a call to a node that has just ceased to serve the realm', () => {
  it('is answered no_such_procedure (G3, DLR-6)', async () => {
    const { scene, there, caller, callee } = await apart();
    there.realm.remove(callee.session);
    there.passTime();
    expect(there.realm).toBeUndefined();
    const request = caller.call('com.a');
    await scene.deliver({ from: 'directory', to: 'here' });
    expect(caller.take()).toEqual([[request, ErrorUri.NO_SUCH_PROCEDURE]]);
  });

  it('ends although it was lost: that node says so of every realm (G3)', async () => {
    const { scene, here, there, caller, callee } = await apart();
    there.realm.remove(callee.session);
    there.passTime();
    scene.hub.faults.loseNext('here' as NodeId, 'there' as NodeId);
    const request = caller.call('com.a');
    await scene.deliver({ from: 'directory', to: 'here' });
    expect(there.realms.all.size).toBe(0);
    expect(caller.take()).toEqual([[request, ErrorUri.NETWORK_FAILURE]]);
    expect(here.realm.dealer.sizes().pendingCalls).toBe(0);
  });
});
