import { writeJson } from '../../client/wire.js';
import type { Values } from '../../client/payload.js';

/** One line of JSON. Errors: UnencodableError. */
export function jsonLine(fields: Readonly<Record<string, unknown>>): string {
  return `${writeJson(fields)}\n`;
}

/** The first argument: text as it is, anything else as JSON; null where there is none. Errors: UnencodableError. */
export function firstValue({ args }: Values): string {
  const [value = null] = args;
  return `${typeof value === 'string' ? value : writeJson(value)}\n`;
}

/** Both parts of a payload, also when they are empty: scripts find them. */
export function payloadFields({ args, kwargs }: Values): Readonly<Record<string, unknown>> {
  return { args, kwargs };
}
