import { expect } from 'vitest';
import type { FeatureKey } from '../../../../src/wamp/features.js';
import type { CancelMode, InvocationPolicy, MatchPolicy } from '../../../../src/wamp/options.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { DealerHarness, expectNoLeaks } from './dealer-harness.js';
import { INTERRUPT_TIMEOUT_MS, ModelClient, type Invocation, type Sending } from './model-client.js';
import { ALL_FEATURES } from './test-session.js';

export const OPERATIONS = [
  'join',
  'register',
  'unregister',
  'call',
  'call',
  'continue',
  'continue',
  'cancel',
  'yield',
  'yield',
  'error',
  'leave',
  'carry',
  'carry',
  'carry',
  'apply',
  'apply',
  'pass time',
  'lose',
  'kill',
] as const;

export interface Step {
  readonly operation: (typeof OPERATIONS)[number];
  readonly who: number;
  readonly what: number;
  readonly how: number;
}

const PROCEDURES: readonly { uri: string; match: MatchPolicy; invoke: InvocationPolicy; called: string }[] = [
  { uri: 'com.single', match: 'exact', invoke: 'single', called: 'com.single' },
  { uri: 'com.round', match: 'exact', invoke: 'roundrobin', called: 'com.round' },
  { uri: 'com.pattern', match: 'prefix', invoke: 'first', called: 'com.pattern.x' },
];
const MODES: readonly CancelMode[] = ['skip', 'kill', 'killnowait'];

/** Runs one schedule of client actions, deliveries, losses and deaths, and checks the messages that each client receives. */
export class ModelRun {
  readonly harness: DealerHarness;
  readonly breaches: string[] = [];
  readonly clients: ModelClient[] = [];
  /** Keyed by caller session and request. */
  readonly #sendings = new Map<string, Sending>();
  #sentCount = 0;

  constructor(nodeCount: number) {
    const limits = { interruptTimeoutMs: INTERRUPT_TIMEOUT_MS };
    this.harness = new DealerHarness(nodeCount, { isManual: true, limits });
    for (const node of this.harness.nodes) {
      const sendFrame = node.outlet.onSendFrame!;
      node.outlet.onSendFrame = (to, frame) => {
        if (frame.kind === 'invoke') {
          const [caller, call] = JSON.parse(Buffer.from(frame.payload.bytes).toString()) as [number, number];
          const { count } = this.#sendingOf(caller, call);
          this.#sendings.set(`${caller}:${call}`, { count: count + 1, last: ++this.#sentCount });
        }
        sendFrame(to, frame);
      };
    }
    for (let index = 0; index < 6; index++) {
      this.#join(index, index < 4 ? 0 : index * 7);
      this.#act(this.clients[index]!, 'register', index, index + 1);
      this.#act(this.clients[index]!, 'register', index + 1, index + 1);
    }
    this.harness.flush();
  }

  perform({ operation, who, what, how }: Step): void {
    const client = this.#open[who % Math.max(1, this.#open.length)];
    switch (operation) {
      case 'join':
        if (this.#open.length < 8) this.#join(who, how);
        break;
      case 'carry':
        this.#alive[who % this.#alive.length]!.receiveOne(this.harness.nodes[what % this.harness.nodes.length]!.id);
        break;
      case 'apply':
        this.#alive[who % this.#alive.length]!.applyOne();
        break;
      case 'pass time':
        for (const node of this.#alive) node.outlet.advance(how % 60);
        break;
      case 'lose':
        if (how % 4 === 0)
          this.#alive[who % this.#alive.length]!.loseOne(this.harness.nodes[what % this.harness.nodes.length]!.id);
        break;
      case 'kill':
        if (how % 16 === 0 && this.#alive.length > 1)
          this.harness.kill(this.harness.nodes.indexOf(this.#alive[who % this.#alive.length]!));
        break;
      default:
        if (client !== undefined) this.#act(client, operation, what, how);
    }
  }

  /** Delivers everything under way and has the callees answer all that is left; then all sessions leave. */
  finish(): void {
    this.harness.flush();
    for (let round = 0; round < 20; round++) {
      for (const client of this.#open) {
        for (const invocation of client.invocations) {
          if (!invocation.isAnswered) this.#yield(client, invocation, false);
        }
      }
      this.harness.flush();
    }
    for (const client of this.#open) {
      for (const { request, finalCount } of client.calls)
        if (finalCount !== 1) this.breaches.push(`call ${request} got ${finalCount} final answers (G3)`);
    }
    for (const node of this.harness.nodes) {
      for (const violation of node.violations) this.breaches.push(`aborted: ${violation.message}`);
    }
    expect(this.breaches).toEqual([]);
    expectNoLeaks(this.harness, true);
    for (const client of this.#open) client.session.leave();
    this.harness.flush();
    expectNoLeaks(this.harness);
  }

  get #alive(): DealerHarness['nodes'] {
    return this.harness.nodes.filter((node) => node.isAlive);
  }

  get #open(): ModelClient[] {
    return this.clients.filter((client) => client.session.isOpen);
  }

  #join(who: number, how: number): void {
    const node = this.#alive[who % this.#alive.length]!;
    // A session announces all features, some of them, or none.
    const features: readonly FeatureKey[] = [ALL_FEATURES, [], ALL_FEATURES.filter((_, bit) => (how >> bit) & 1)][
      how % 3
    ]!;
    const session = this.harness.session(this.harness.nodes.indexOf(node), features);
    const sendingOf = (caller: number, call: number): Sending => this.#sendingOf(caller, call);
    this.clients.push(new ModelClient(session, features, this.breaches, sendingOf));
  }

  #sendingOf(caller: number, call: number): Sending {
    return this.#sendings.get(`${caller}:${call}`) ?? { count: 0, last: 0 };
  }

  #act(client: ModelClient, operation: Step['operation'], what: number, how: number): void {
    const { session } = client;
    const { uri, match, invoke, called } = PROCEDURES[what % PROCEDURES.length]!;
    switch (operation) {
      case 'register': {
        const concurrency = how % 4;
        const request = session.register(uri, {
          match,
          invoke,
          forceReregister: how % 10 === 0,
          forwardTimeout: how % 3 === 0,
          ...(concurrency === 0 ? {} : { concurrency }),
        });
        client.concurrencies.set(request, concurrency);
        break;
      }
      case 'unregister': {
        const id = [...client.registrations.keys()][what % Math.max(1, client.registrations.size)];
        if (id === undefined) break;
        client.registrations.delete(id);
        session.unregister(id);
        break;
      }
      case 'call':
        this.#call(client, called, how);
        break;
      case 'continue':
        this.#continue(client, what, how);
        break;
      case 'cancel': {
        const call = oneOf(client.calls, ({ finalCount }) => finalCount === 0, what);
        if (call !== undefined) session.cancel(call.request, MODES[how % 3]!);
        break;
      }
      case 'yield': {
        const invocation = oneOf(client.invocations, ({ isAnswered }) => !isAnswered, what);
        if (invocation !== undefined) this.#yield(client, invocation, how % 2 === 0);
        break;
      }
      case 'error': {
        const invocation = oneOf(client.invocations, ({ isAnswered }) => !isAnswered, what);
        if (invocation === undefined) break;
        invocation.isAnswered = true;
        session.error(invocation.request, how % 2 === 0 ? ErrorUri.UNAVAILABLE : 'com.app.error');
        break;
      }
      case 'leave':
        if (how % 6 === 0) session.leave();
        break;
      default:
        throw new Error(operation);
    }
  }

  #call(client: ModelClient, procedure: string, how: number): void {
    const { session, calls } = client;
    const request = ++session.lastRequest;
    const progress = how % 3 === 1 && client.features.has('progressive_call_invocations');
    const receiveProgress = how % 3 === 0;
    calls.push({
      request,
      procedure,
      receivesProgress: receiveProgress,
      isOpenEnded: progress,
      chunkCount: 1,
      lastProgress: 0,
      finalCount: 0,
    });
    const timeoutMs = how % 4 === 0 ? 50 : 0;
    session.callAs(request, procedure, { progress, receiveProgress, timeoutMs }, [session.id, request, 1]);
  }

  #continue({ session, calls }: ModelClient, what: number, how: number): void {
    const call = oneOf(calls, ({ isOpenEnded }) => isOpenEnded, what);
    if (call?.isOpenEnded !== true) return;
    call.isOpenEnded = how % 3 !== 0;
    const args = [session.id, call.request, ++call.chunkCount];
    session.continueCall(call.request, call.procedure, { progress: call.isOpenEnded }, args);
  }

  #yield({ session }: ModelClient, invocation: Invocation, progress: boolean): void {
    if (progress) invocation.progressCount++;
    else invocation.isAnswered = true;
    session.yield(invocation.request, [invocation.progressCount], { progress });
  }
}

/** Picks mostly an item that counts, and sometimes any, so that late messages occur too. */
function oneOf<Item>(all: readonly Item[], counts: (item: Item) => boolean, what: number): Item | undefined {
  const items = what % 5 === 0 ? all : all.filter(counts);
  return items[what % Math.max(1, items.length)];
}
