import { Code } from '../../../src/wamp/codes.js';
import { APP_FAILED, APP_INTERRUPTED } from '../checker/judge-calls.js';
import type { InvocationRecord, Journal, Plan, RegistrationRecord, SessionRecord } from '../checker/journal.js';

/** What a member sends and a callee of the workload understands. */
export interface Order extends Plan {
  readonly call: number;
}

/** The place where a callee does the work of its calls, and stops when it is interrupted. */
export class Desk {
  readonly #journal: Journal;
  readonly #session: SessionRecord;
  readonly #send: (message: unknown[]) => void;
  readonly #work = new Map<number, { readonly invocation: InvocationRecord; readonly stop: () => void }>();

  constructor(journal: Journal, session: SessionRecord, send: (message: unknown[]) => void) {
    this.#journal = journal;
    this.#session = session;
    this.#send = send;
  }

  /** `registration` undefined: the callee does not hold what it was called by. */
  invoked(request: number, registration: RegistrationRecord | undefined, args: unknown): void {
    const [order] = args as [Order];
    if (registration === undefined)
      this.#journal.oddities.push(`ORD-4: ${this.#session.member} got call ${order.call} for what it does not hold`);
    const invocation = this.#journal.invoked(this.#session, order.call, registration);
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      clearTimeout(timer);
      this.#work.delete(request);
    };
    this.#work.set(request, { invocation, stop });
    let progress = 0;
    const step = (): void => {
      const { call, progressCount, reply } = order;
      if (progress < progressCount) {
        this.#send([Code.YIELD, request, { progress: true }, [{ call, progress: progress++, progressCount }]]);
        timer = setTimeout(step, order.delayMs);
      } else if (reply !== 'silence') {
        this.#journal.invocationAnswered(invocation);
        stop();
        if (reply === 'error') this.#send([Code.ERROR, Code.INVOCATION, request, {}, APP_FAILED]);
        else this.#send([Code.YIELD, request, {}, [{ call, progressCount }]]);
      }
    };
    if (order.delayMs === 0) step();
    else timer = setTimeout(step, order.delayMs);
  }

  interrupted(request: number): void {
    const work = this.#work.get(request);
    // It may have answered meanwhile (CAN-7).
    if (work === undefined) return;
    this.#journal.interrupted(work.invocation);
    work.stop();
    this.#send([Code.ERROR, Code.INVOCATION, request, {}, APP_INTERRUPTED]);
  }

  /** Its session is over. */
  close(): void {
    for (const { stop } of this.#work.values()) stop();
  }
}
