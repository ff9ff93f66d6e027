import type { Environment } from '../../config/secrets.js';
import type { ExitCode } from '../exit-code.js';
import type { CommandFlag, Words } from './flags.js';

/** Standard output. */
export interface Output {
  readonly isTerminal: boolean;
  print(text: string): void;
  /** True while the reader is far behind. */
  isFull(): boolean;
  /** Resolves when the reader has caught up, or is gone. */
  drained(): Promise<void>;
}

/** Standard input. */
export interface Input extends AsyncIterable<Uint8Array | string> {
  destroy(): unknown;
}

/** The inputs and outputs of a client command. */
export interface ClientContext {
  readonly environment: Environment;
  readonly output: Output;
  readonly printError: (text: string) => void;
  readonly input: () => Input;
  /** Aborts at the first SIGINT or SIGTERM, and when nobody reads the output any more. */
  readonly interrupted: AbortSignal;
}

/** One command that is a client of a router. */
export interface ClientCommand {
  readonly name: string;
  /** The words behind the name. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly CommandFlag[];
  /** Words that a shell proposes behind the name. */
  readonly words?: readonly string[];
  /** It joins no realm: the options of connections do not count. */
  readonly isLocal?: boolean;
  /** More for the help of this command. */
  readonly notes?: string;
  run(words: Words, context: ClientContext): Promise<ExitCode>;
}
