import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import type { FeatureKey } from '../../../../src/wamp/features.js';
import type { RegistrationId } from '../../../../src/wamp/ids.js';
import type { CancelMode, InvocationPolicy, MatchPolicy } from '../../../../src/wamp/options.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { ALL_FEATURES, DealerHarness, expectNoLeaks, onWire, type TestSession } from './dealer-harness.js';

const OPERATIONS = [
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
  'hear',
  'hear',
  'pass time',
  'lose',
  'kill',
] as const;

interface Step {
  readonly operation: (typeof OPERATIONS)[number];
  readonly who: number;
  readonly what: number;
  readonly how: number;
}

const step: fc.Arbitrary<Step> = fc.noBias(
  fc.record({
    operation: fc.constantFrom(...OPERATIONS),
    who: fc.nat(10_000),
    what: fc.nat(10_000),
    how: fc.nat(10_000),
  }),
);

const PROCEDURES: readonly { uri: string; match: MatchPolicy; invoke: InvocationPolicy; called: string }[] = [
  { uri: 'com.single', match: 'exact', invoke: 'single', called: 'com.single' },
  { uri: 'com.round', match: 'exact', invoke: 'roundrobin', called: 'com.round' },
  { uri: 'com.pattern', match: 'prefix', invoke: 'first', called: 'com.pattern.x' },
];
const INTERRUPT_TIMEOUT_MS = 80;
const MODES: readonly CancelMode[] = ['skip', 'kill', 'killnowait'];

interface Call {
  readonly request: number;
  readonly procedure: string;
  readonly receivesProgress: boolean;
  isOpenEnded: boolean;
  chunkCount: number;
  lastProgress: number;
  finalCount: number;
}

interface Registration {
  /** 0: no bound. */
  readonly concurrency: number;
}

interface Invocation {
  readonly request: number;
  readonly registration: Registration | undefined;
  lastChunk: number;
  progressCount: number;
  isAnswered: boolean;
  interruptCount: number;
  interruptedAtMs: number;
}

/** How often a call was sent to a callee, and when the last time, counting all calls. */
interface Sending {
  readonly count: number;
  readonly last: number;
}

/** A well-behaved client that notes every breach of what it was promised. */
class Client {
  readonly session: TestSession;
  readonly features: ReadonlySet<FeatureKey>;
  readonly calls: Call[] = [];
  readonly invocations: Invocation[] = [];
  readonly registrations = new Map<RegistrationId, Registration>();
  /** Of REGISTERs, by request. */
  readonly concurrencies = new Map<number, number>();
  readonly breaches: string[];
  /** Per caller the highest call number that came straight from it, and when the last invocation was sent (ORD-3). */
  readonly #lastCallOf = new Map<number, number>();
  readonly #lastSentOf = new Map<number, number>();
  readonly #sendingOf: (caller: number, call: number) => Sending;

  constructor(
    session: TestSession,
    features: readonly FeatureKey[],
    breaches: string[],
    sendingOf: (caller: number, call: number) => Sending,
  ) {
    this.session = session;
    this.features = new Set(features);
    this.breaches = breaches;
    this.#sendingOf = sendingOf;
    session.onMessage = (message) => this.#receive(onWire(message));
  }

  #receive(message: unknown[]): void {
    switch (message[0]) {
      case Code.RESULT:
        this.#answered(message[1] as number, (message[2] as { progress?: true }).progress === true, message[3]);
        break;
      case Code.ERROR:
        if (message[1] === Code.CALL) this.#answered(message[2] as number, false, undefined);
        break;
      case Code.REGISTERED:
        this.registrations.set(message[2] as RegistrationId, {
          concurrency: this.concurrencies.get(message[1] as number) ?? 0,
        });
        break;
      case Code.UNREGISTERED:
        if (message[1] === 0) this.registrations.delete((message[2] as { registration: RegistrationId }).registration);
        break;
      case Code.INVOCATION:
        this.#invoked(message);
        break;
      case Code.INTERRUPT:
        this.#interrupted(message[1] as number);
        break;
      default:
        this.breaches.push(`unexpected message ${JSON.stringify(message)}`);
    }
  }

  #answered(request: number, isProgress: boolean, args: unknown): void {
    const call = this.calls.find((one) => one.request === request);
    if (call === undefined) this.breaches.push(`answer to ${request}, which was never called`);
    else if (call.finalCount > 0) this.breaches.push(`answer to ${request} after its final one`);
    else if (!isProgress) call.finalCount++;
    else {
      const [chunk] = args as [number];
      if (!call.receivesProgress) this.breaches.push(`progress for ${request}, which did not ask for it`);
      if (chunk !== call.lastProgress + 1) this.breaches.push(`chunk ${chunk} after ${call.lastProgress} (ORD-5)`);
      call.lastProgress = chunk;
    }
  }

  #invoked([, request, id, , args]: unknown[]): void {
    const [caller, call, chunk] = args as [number, number, number];
    const known = this.invocations.find((one) => one.request === request);
    if (known !== undefined) {
      if (known.isAnswered) return;
      if (chunk !== known.lastChunk + 1) this.breaches.push(`call chunk ${chunk} after ${known.lastChunk} (ORD-5)`);
      known.lastChunk = chunk;
      return;
    }
    if (request !== this.invocations.length + 1) this.breaches.push(`invocation id ${String(request)} (ID-4)`);
    const registration = this.registrations.get(id as RegistrationId);
    if (registration === undefined) this.breaches.push('INVOCATION outside REGISTERED and UNREGISTERED (ORD-4)');
    else this.#checkConcurrency(registration);
    if (chunk !== 1) this.breaches.push(`a call began with chunk ${chunk}`);
    this.invocations.push({
      request: this.invocations.length + 1,
      registration,
      lastChunk: 1,
      progressCount: 0,
      isAnswered: false,
      interruptCount: 0,
      interruptedAtMs: Infinity,
    });
    this.#checkOrder(caller, call);
  }

  /** A call that others have refused comes in the order in which it was sent here, all others in that of the calls (ORD-3). */
  #checkOrder(caller: number, call: number): void {
    const { count, last } = this.#sendingOf(caller, call);
    if (last < (this.#lastSentOf.get(caller) ?? 0))
      this.breaches.push(`call ${call} of ${caller} was overtaken (ORD-3)`);
    this.#lastSentOf.set(caller, last);
    if (count > 1) return;
    if (call < (this.#lastCallOf.get(caller) ?? 0)) this.breaches.push(`call ${call} of ${caller} came late (ORD-3)`);
    this.#lastCallOf.set(caller, call);
  }

  /** It counts until it is answered, whether or not its caller waits; only INTERRUPT sets a bound to that. */
  #checkConcurrency(registration: Registration): void {
    const { concurrency } = registration;
    const nowMs = this.session.node.outlet.nowMs();
    const active = this.invocations.filter(
      (one) =>
        one.registration === registration && !one.isAnswered && nowMs < one.interruptedAtMs + INTERRUPT_TIMEOUT_MS,
    );
    if (concurrency > 0 && active.length >= concurrency)
      this.breaches.push(`an INVOCATION more than concurrency ${concurrency}`);
  }

  #interrupted(request: number): void {
    const invocation = this.invocations.find((one) => one.request === request);
    if (!this.features.has('call_canceling')) this.breaches.push('INTERRUPT to a callee that did not announce it');
    if (invocation === undefined) this.breaches.push(`INTERRUPT for ${request}, which was never sent`);
    else if (++invocation.interruptCount > 1) this.breaches.push(`two INTERRUPTs for ${request}`);
    else invocation.interruptedAtMs = this.session.node.outlet.nowMs();
  }
}

/** Runs one schedule of client actions, deliveries, losses and deaths, and looks at what everybody was told. */
class Run {
  readonly harness: DealerHarness;
  readonly breaches: string[] = [];
  readonly clients: Client[] = [];
  /** By caller session and request. */
  readonly #sendings = new Map<string, Sending>();
  #sentCount = 0;

  constructor(nodeCount: number) {
    const limits = { interruptTimeoutMs: INTERRUPT_TIMEOUT_MS };
    this.harness = new DealerHarness(nodeCount, { isManual: true, limits });
    for (const node of this.harness.nodes) {
      const tell = node.outlet.onTell!;
      node.outlet.onTell = (to, frame) => {
        if (frame.kind === 'invoke') {
          const [caller, call] = JSON.parse(Buffer.from(frame.payload.bytes).toString()) as [number, number];
          const { count } = this.#sendingOf(caller, call);
          this.#sendings.set(`${caller}:${call}`, { count: count + 1, last: ++this.#sentCount });
        }
        tell(to, frame);
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
      case 'hear':
        this.#alive[who % this.#alive.length]!.hearOne();
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

  /** Everything under way arrives, every callee answers what it still has; then all leave. */
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

  get #open(): Client[] {
    return this.clients.filter((client) => client.session.isOpen);
  }

  #join(who: number, how: number): void {
    const node = this.#alive[who % this.#alive.length]!;
    // Callers need their features to say what they say; callees come with all, with some, or with none.
    const features: readonly FeatureKey[] = [ALL_FEATURES, [], ALL_FEATURES.filter((_, bit) => (how >> bit) & 1)][
      how % 3
    ]!;
    const session = this.harness.session(this.harness.nodes.indexOf(node), features);
    const sendingOf = (caller: number, call: number): Sending => this.#sendingOf(caller, call);
    this.clients.push(new Client(session, features, this.breaches, sendingOf));
  }

  #sendingOf(caller: number, call: number): Sending {
    return this.#sendings.get(`${caller}:${call}`) ?? { count: 0, last: 0 };
  }

  #act(client: Client, operation: Step['operation'], what: number, how: number): void {
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

  #call(client: Client, procedure: string, how: number): void {
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

  #continue({ session, calls }: Client, what: number, how: number): void {
    const call = oneOf(calls, ({ isOpenEnded }) => isOpenEnded, what);
    if (call?.isOpenEnded !== true) return;
    call.isOpenEnded = how % 3 !== 0;
    const args = [session.id, call.request, ++call.chunkCount];
    session.continueCall(call.request, call.procedure, { progress: call.isOpenEnded }, args);
  }

  #yield({ session }: Client, invocation: Invocation, progress: boolean): void {
    if (progress) invocation.progressCount++;
    else invocation.isAnswered = true;
    session.yield(invocation.request, [invocation.progressCount], { progress });
  }
}

/** Mostly one that still counts, sometimes any: late words are part of life. */
function oneOf<Item>(all: readonly Item[], counts: (item: Item) => boolean, what: number): Item | undefined {
  const items = what % 5 === 0 ? all : all.filter(counts);
  return items[what % Math.max(1, items.length)];
}

describe('dealers in any interleaving', () => {
  it.each([1, 2, 3])('%i: every call ends once, in order, and nothing is left behind (G3, ORD-3..5)', (nodeCount) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 150, size: 'max' }), (steps) => {
        const run = new Run(nodeCount);
        for (const one of steps) run.perform(one);
        run.finish();
      }),
      { numRuns: 300 },
    );
  });
});
