import type { Environment } from '../../config/secrets.js';
import type { ExitCode } from '../exit-code.js';
import type { Flag, Words } from './flags.js';

/** The inputs and outputs of a client command. */
export interface ClientContext {
  readonly environment: Environment;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  /** All of standard input as text. Errors: ClientError. */
  readonly readInput: () => Promise<string>;
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly interrupted: AbortSignal;
}

/** One command that is a client of a router. */
export interface ClientCommand {
  readonly name: string;
  /** The words behind the name. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** More for the help of this command. */
  readonly notes?: string;
  run(words: Words, context: ClientContext): Promise<ExitCode>;
}
