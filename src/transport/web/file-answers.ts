import type { Counters } from '../../telemetry/counters.js';
import { textAnswer } from '../http/answers.js';
import type { HttpAnswer } from '../http/exchange.js';
import type { WebBounds } from './options.js';

/** The answers with files that are under way, bounded over all paths of all listeners. */
export class FileAnswers {
  readonly #bounds: WebBounds;
  readonly #counters: Counters;
  #count = 0;

  constructor(bounds: WebBounds, counters: Counters) {
    this.#bounds = bounds;
    this.#counters = counters;
  }

  /** Takes a place. Call `ended` once, when the answer has ended. */
  begin(): { readonly ended: () => void } | HttpAnswer {
    if (this.#count >= this.#bounds.maxFileAnswers) {
      this.#counters.limitsReached.web_file_answers++;
      const sentence = 'This router sends as many files as it may (web.maxFileAnswers).';
      return textAnswer('503', sentence, [['Retry-After', '2']]);
    }
    this.#count++;
    return { ended: () => this.#count-- };
  }

  /** Undefined: a file of this size may be sent. */
  refusalOf(byteLength: number): HttpAnswer | undefined {
    if (byteLength <= this.#bounds.maxFileBytes) return undefined;
    this.#counters.limitsReached.web_file_bytes++;
    return textAnswer('403', 'This file is larger than the router sends (web.maxFileBytes).');
  }
}
