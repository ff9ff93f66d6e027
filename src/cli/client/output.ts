import type { Values } from '../../codec/payload-values.js';
import type { ClientSession } from '../../client/session.js';
import { toJsonText } from '../../client/wire.js';
import type { Output } from './context.js';

/** One line of JSON. Errors: UnencodableError. */
export function jsonLine(fields: Readonly<Record<string, unknown>>): string {
  return `${toJsonText(fields)}\n`;
}

/** The first argument: text as it is, anything else as JSON; null where there is none. Errors: UnencodableError. */
export function firstValue({ args }: Values): string {
  const [value = null] = args;
  return `${typeof value === 'string' ? value : toJsonText(value)}\n`;
}

/** Both parts of a payload, also when they are empty: scripts find them. */
export function payloadFields({ args, kwargs }: Values): Readonly<Record<string, unknown>> {
  return { args, kwargs };
}

/** Stops reading from the router while the reader of the output is slow, so that nothing piles up here. */
export class PatientOutput {
  readonly #session: ClientSession;
  readonly #output: Output;
  #isWaiting = false;

  constructor(session: ClientSession, output: Output) {
    this.#session = session;
    this.#output = output;
  }

  print(text: string): void {
    this.#output.print(text);
    if (this.#isWaiting || !this.#output.isFull()) return;
    this.#isWaiting = true;
    this.#session.pause(true);
    void this.#output.drained().then(() => {
      this.#isWaiting = false;
      this.#session.pause(false);
    });
  }
}
