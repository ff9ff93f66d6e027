import type { Realm } from '../../src/realm/realm.js';
import type { Session } from '../../src/session/ports.js';
import { Code } from '../../src/wamp/codes.js';
import type { RequestId, SessionId } from '../../src/wamp/ids.js';
import type { Invocation } from '../../src/wamp/messages.js';
import type {
  CallRecord,
  InvocationRecord,
  Journal,
  Participant,
  ParticipantNode,
  RegistrationRecord,
} from './journal.js';
import { contentOf, Note } from './note.js';
import { INTERRUPT_TIMEOUT_MS } from './schedule.js';
import type { VirtualTime } from './virtual-time.js';

/** Error URIs of the simulated applications. */
export const APP_ERROR = 'app.error';
export const APP_INTERRUPTED = 'app.interrupted';

/** The client around a callee. */
export interface CalleeClient extends Session, Participant {
  readonly session: SessionId;
  readonly authid: string;
  readonly authrole: string;
  readonly isOpen: boolean;
  readonly registrations: ReadonlyMap<number, RegistrationRecord>;
  submit(message: () => Promise<void> | undefined): void;
  readonly node: ParticipantNode & { readonly time: VirtualTime; readonly realm: Realm };
}

/** The callee of a client: answers calls by their plan, and records violations by the INVOCATIONs that it receives. */
export class Callee {
  readonly invocations = new Map<RequestId, InvocationRecord>();
  readonly #client: CalleeClient;
  readonly #journal: Journal;
  readonly #lastCall = new Map<Participant, CallRecord>();
  #lastInvocation = 0;

  constructor(client: CalleeClient, journal: Journal) {
    this.#client = client;
    this.#journal = journal;
  }

  invoked([, request, id, details, payload]: Invocation): void {
    const content = contentOf(payload);
    const call = content !== undefined && 'call' in content ? this.#journal.calls[content.call] : undefined;
    if (call === undefined || content === undefined || !('call' in content)) {
      this.#journal.violate('BRK-9', `${this.#client.name} got an invocation with another payload`);
      return;
    }
    const known = this.invocations.get(request);
    const what = `${this.#client.name} got chunk ${content.chunk} of call ${call.number} as invocation ${request}`;
    if (known !== undefined) {
      if (known.call !== call || content.chunk !== known.chunkCount)
        this.#journal.violate('ORD-5', `${what} after ${known.chunkCount} chunks`);
      known.chunkCount++;
      return;
    }
    if (request !== ++this.#lastInvocation) this.#journal.violate('ID-4', `${what}, not ${this.#lastInvocation}`);
    const registration = this.#client.registrations.get(id);
    if (registration === undefined) this.#journal.violate('ORD-4', `${what} without holding registration ${id}`);
    else this.#checkConcurrency(registration, what);
    if (content.chunk !== 0) this.#journal.violate('ORD-5', `${what} first`);
    this.#checkCallOrder(call, what);
    this.#checkSingle(call, what);
    const mayProgress = details['receive_progress'] === true;
    const invocation: InvocationRecord = {
      client: this.#client,
      request,
      registration,
      call,
      mayProgress,
      chunkCount: 1,
      progressCount: 0,
      answer: undefined,
      isInterrupted: false,
      interruptedAtMs: undefined,
    };
    this.invocations.set(request, invocation);
    call.invocations.push(invocation);
    this.#work(invocation);
  }

  /** An invocation counts until it is answered, also if its caller has left. An INTERRUPT bounds that time. */
  #checkConcurrency(held: RegistrationRecord, what: string): void {
    const { concurrency } = held;
    const { nowMs } = this.#client.node.time;
    const active = [...this.invocations.values()].filter(
      ({ registration, answer, interruptedAtMs }) =>
        registration === held && answer === undefined && nowMs < (interruptedAtMs ?? Infinity) + INTERRUPT_TIMEOUT_MS,
    );
    if (concurrency > 0 && active.length >= concurrency)
      this.#journal.violate('concurrency', `${what} while it works on ${active.length} of at most ${concurrency}`);
  }

  #checkCallOrder(call: CallRecord, what: string): void {
    const last = this.#lastCall.get(call.client);
    if (last !== undefined && call.number < last.number) {
      if (!this.#mayComeAfter(call, last))
        this.#journal.violate('ORD-3', `${what} after the later call ${last.number}`);
      return;
    }
    this.#lastCall.set(call.client, call);
  }

  /** True if the call went to another callee first, and its caller made the later call before that callee rejected this one (RRT-1, SHR-7). */
  #mayComeAfter({ sentAt }: CallRecord, later: CallRecord): boolean {
    return sentAt.length > 1 && later.at < (sentAt.at(-1) ?? 0);
  }

  #checkSingle(call: CallRecord, what: string): void {
    const previous = call.invocations.at(-1);
    if (previous !== undefined && previous.answer !== 'unavailable')
      this.#journal.violate('DLR-5', `${what} although ${previous.client.name} has it`);
  }

  #work(invocation: InvocationRecord): void {
    const { plan, invocations } = invocation.call;
    const { progressCount, delayMs } = plan;
    const isRetry = invocations.length > 1;
    const reply = plan.reply === 'unavailable' && isRetry ? 'result' : plan.reply;
    const after = (steps: number, action: () => void): void => {
      this.#client.node.time.after(delayMs * steps, () => {
        const isWorking = this.#client.isOpen && invocation.answer === undefined;
        // An interrupted callee may stop or continue; the simulation does both.
        if (isWorking && !(invocation.isInterrupted && invocation.request % 2 === 0)) action();
      });
    };
    const sent = invocation.mayProgress && reply !== 'unavailable' ? progressCount : 0;
    for (let step = 1; step <= sent; step++) after(step, () => this.#yield(invocation, true));
    if (reply !== 'silence') after(sent + 1, () => this.#answer(invocation, reply));
  }

  #answer(invocation: InvocationRecord, reply: 'result' | 'error' | 'unavailable' | 'interrupted'): void {
    invocation.answer = reply;
    if (reply === 'result') {
      this.#yield(invocation, false);
      return;
    }
    const errors = { error: APP_ERROR, unavailable: 'wamp.error.unavailable', interrupted: APP_INTERRUPTED };
    const { request, call, progressCount } = invocation;
    const note = new Note({ reply: call.number, progress: undefined, progressCount });
    const message = [Code.ERROR, Code.INVOCATION, request, {}, errors[reply], note] as const;
    this.#client.submit(() => this.#client.node.realm.route(this.#client, message, false));
  }

  #yield(invocation: InvocationRecord, progress: boolean): void {
    const { request, call } = invocation;
    const number = progress ? invocation.progressCount++ : undefined;
    const note = new Note({ reply: call.number, progress: number, progressCount: invocation.progressCount });
    const message = [Code.YIELD, request, { progress }, note] as const;
    this.#client.submit(() => this.#client.node.realm.route(this.#client, message, false));
  }

  interrupted(request: RequestId, mustAnswer: boolean): void {
    const invocation = this.invocations.get(request);
    const what = `${this.#client.name} got INTERRUPT of invocation ${request}`;
    if (invocation === undefined) this.#journal.violate('CAN-3', `${what}, which it never had`);
    else if (!this.#client.canBeInterrupted)
      this.#journal.violate('CAN-2, DLR-11', `${what} without having announced it`);
    else if (invocation.isInterrupted) this.#journal.violate('CAN-1', `${what} twice`);
    else {
      invocation.isInterrupted = true;
      invocation.interruptedAtMs = this.#client.node.time.nowMs;
      if (mustAnswer && invocation.answer === undefined)
        this.#client.node.time.after(0, () => {
          if (this.#client.isOpen && invocation.answer === undefined) this.#answer(invocation, 'interrupted');
        });
    }
  }
}
