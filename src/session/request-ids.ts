import { violation, type Fault } from '../wamp/faults.js';
import { MAX_ID, type RequestId } from '../wamp/ids.js';

/**
 * The sequence of one session's request ids: one counter over all request types, from 1, wrapping after 2^53 (ID-4,
 * PV-5). CANCEL, YIELD and ERROR repeat an id and are not checked here.
 */
export class RequestIds {
  #last: number;
  #lastCall = 0;

  /** `last`: the id of the last request. */
  constructor(last = 0) {
    this.#last = last;
  }

  /** Any request but CALL. */
  advance(message: string, request: RequestId): Fault | undefined {
    if (request !== this.#next()) return this.#outOfSequence(message, request);
    this.#last = request;
    return undefined;
  }

  /**
   * Checks a CALL. An id not above the last call's may continue a progressive call: the dealer knows whether there is
   * one (PCI-6). An id that was given to another request since cannot.
   */
  advanceCall(request: RequestId): 'new' | 'continuation' | Fault {
    if (request === this.#next()) {
      this.#last = request;
      this.#lastCall = request;
      return 'new';
    }
    return request <= this.#lastCall ? 'continuation' : this.#outOfSequence('CALL', request);
  }

  #next(): number {
    return this.#last === MAX_ID ? 1 : this.#last + 1;
  }

  #outOfSequence(message: string, request: RequestId): Fault {
    return violation(
      `${message}.Request must be ${this.#next()}, the one after the last request, but is ${request} ` +
        '(this realm checks the sequence: requestIdCheck)',
    );
  }
}
