import { ClientError } from './client-error.js';

const MAX_INPUT_BYTES = 16_777_216;

/** All of standard input as text. Errors: ClientError. */
export async function readAllInput(input: AsyncIterable<Uint8Array | string>): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of input) {
    const bytes = Buffer.from(part);
    length += bytes.length;
    if (length > MAX_INPUT_BYTES) throw new ClientError(`standard input has more than ${MAX_INPUT_BYTES} bytes`);
    parts.push(bytes);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new ClientError('standard input is not UTF-8 text');
  }
}
