import { ClientError } from './client-error.js';
import type { Input } from './context.js';

const MAX_INPUT_BYTES = 16_777_216;

/** All of standard input as text. Empty after `signal`. Errors: ClientError. */
export async function readAllInput(input: Input, signal: AbortSignal): Promise<string> {
  const parts: string[] = [];
  let length = 0;
  for await (const part of chunks(input, signal)) {
    length += part.length;
    if (length > MAX_INPUT_BYTES) throw new ClientError(`standard input has more than ${MAX_INPUT_BYTES} characters`);
    parts.push(part);
  }
  return parts.join('');
}

/** The lines of standard input without their ends, until `signal`. Errors: ClientError. */
export async function* inputLines(input: Input, signal: AbortSignal): AsyncGenerator<string> {
  let begun = '';
  for await (const part of chunks(input, signal)) {
    const lines = (begun + part).split('\n');
    begun = lines.pop() ?? '';
    if (begun.length > MAX_INPUT_BYTES) throw new ClientError(`a line has more than ${MAX_INPUT_BYTES} characters`);
    for (const line of lines) yield line.replace(/\r$/, '');
  }
  if (begun !== '' && !signal.aborted) yield begun;
}

/** Standard input as text. */
async function* chunks(input: Input, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const stop = (): void => void input.destroy();
  signal.addEventListener('abort', stop);
  try {
    for await (const part of input) yield decoder.decode(Buffer.from(part), { stream: true });
    yield decoder.decode();
  } catch (error) {
    // The stream was destroyed while it was read.
    if (signal.aborted) return;
    if (error instanceof TypeError) throw new ClientError('standard input is not UTF-8 text');
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
