import type { ReadStream } from 'node:tty';
import { CredentialError } from './credential-error.js';
import type { ReadSecret } from './commands.js';

/** Where a secret may come from: standard input, which may be a terminal. */
export type SecretInput = Pick<ReadStream, 'setRawMode' | 'resume' | 'pause' | 'on' | 'off'> &
  AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean };

const MAX_BYTES = 4_096;

/** `prompt`: prints to the terminal, apart from the output. */
export function secretReader(inputOf: () => SecretInput, prompt: (text: string) => void): ReadSecret {
  return async (what) => {
    const input = inputOf();
    const secret = input.isTTY === true ? await askTwice(input, prompt, what) : await readAll(input);
    if (secret === '') throw new CredentialError(`the ${what} is empty: it is read from standard input`);
    if (Buffer.byteLength(secret) > MAX_BYTES)
      throw new CredentialError(`the ${what} has more than ${MAX_BYTES} bytes`);
    return secret;
  };
}

async function readAll(input: SecretInput): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of input) {
    const bytes = Buffer.from(part);
    length += bytes.length;
    parts.push(bytes);
    // A line end may follow. More is an error of the caller's.
    if (length > MAX_BYTES + 2) break;
  }
  return decoded(Buffer.concat(parts)).replace(/\r?\n$/, '');
}

async function askTwice(input: SecretInput, prompt: (text: string) => void, what: string): Promise<string> {
  input.setRawMode(true);
  try {
    const terminal = new Terminal(input, prompt);
    const first = await terminal.ask(`${what}: `);
    const second = await terminal.ask(`${what} again: `);
    if (first !== second) throw new CredentialError(`the two entries of the ${what} differ`);
    return first;
  } finally {
    input.setRawMode(false);
    input.pause();
  }
}

const ENTER = /\r\n|[\r\n\u0004]/;
const INTERRUPT = '\u0003';
const ERASED = /[^\u007f\b][\u007f\b]/u;

/** Lines from a terminal that does not echo. */
class Terminal {
  readonly #input: SecretInput;
  readonly #prompt: (text: string) => void;
  /** Typed or pasted, and not part of a line yet. */
  #typed = Buffer.alloc(0);

  constructor(input: SecretInput, prompt: (text: string) => void) {
    this.#input = input;
    this.#prompt = prompt;
  }

  async ask(words: string): Promise<string> {
    this.#prompt(words);
    let line = this.#nextLine();
    while (line === undefined) {
      await this.#more();
      line = this.#nextLine();
    }
    this.#prompt('\n');
    if (line.includes(INTERRUPT)) throw new CredentialError('interrupted');
    return withoutErased(line);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      const receive = (chunk: Buffer | string): void => {
        this.#input.off('data', receive);
        this.#input.pause();
        this.#typed = Buffer.concat([this.#typed, Buffer.from(chunk)]);
        resolve();
      };
      this.#input.on('data', receive);
      this.#input.resume();
    });
  }

  /** Undefined: it has no end yet. */
  #nextLine(): string | undefined {
    const typed = this.#typed.toString('utf8');
    const isOver = typed.includes(INTERRUPT) || this.#typed.length > MAX_BYTES * 2;
    const end = ENTER.exec(typed);
    if (end === null) return isOver ? typed : undefined;
    this.#typed = Buffer.from(typed.slice(end.index + end[0].length));
    return typed.slice(0, end.index);
  }
}

/** Applies the backspaces. */
function withoutErased(line: string): string {
  let text = line;
  while (ERASED.test(text)) text = text.replace(ERASED, '');
  return text.replace(/[\u007f\b]/g, '');
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CredentialError('standard input is not UTF-8 text');
  }
}
