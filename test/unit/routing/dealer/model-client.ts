import { Code } from '../../../../src/wamp/codes.js';
import type { FeatureKey } from '../../../../src/wamp/features.js';
import type { RegistrationId } from '../../../../src/wamp/ids.js';
import { onWire, type TestSession } from './test-session.js';

export const INTERRUPT_TIMEOUT_MS = 80;

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

export interface Invocation {
  readonly request: number;
  readonly registration: Registration | undefined;
  lastChunk: number;
  progressCount: number;
  isAnswered: boolean;
  interruptCount: number;
  interruptedAtMs: number;
}

/** How often a call was sent to a callee, and the position of the last time among the sendings of all calls. */
export interface Sending {
  readonly count: number;
  readonly last: number;
}

/** A well-behaved client that records every breach of the router's promises. */
export class ModelClient {
  readonly session: TestSession;
  readonly features: ReadonlySet<FeatureKey>;
  readonly calls: Call[] = [];
  readonly invocations: Invocation[] = [];
  readonly registrations = new Map<RegistrationId, Registration>();
  /** The concurrency of each REGISTER, by request. */
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

  /** Calls that other callees have rejected arrive in the order of their sendings, all others in the order of the calls (ORD-3). */
  #checkOrder(caller: number, call: number): void {
    const { count, last } = this.#sendingOf(caller, call);
    if (last < (this.#lastSentOf.get(caller) ?? 0))
      this.breaches.push(`call ${call} of ${caller} was overtaken (ORD-3)`);
    this.#lastSentOf.set(caller, last);
    if (count > 1) return;
    if (call < (this.#lastCallOf.get(caller) ?? 0)) this.breaches.push(`call ${call} of ${caller} came late (ORD-3)`);
    this.#lastCallOf.set(caller, call);
  }

  /** An invocation counts until it is answered, also if its caller has left. An INTERRUPT bounds that time. */
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
