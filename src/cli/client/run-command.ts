import { spawn, type ChildProcess } from 'node:child_process';
import { WampError } from '../../client/errors.js';
import { ErrorUri } from '../../wamp/uris.js';

export interface ShellCommand {
  readonly file: string;
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Receives what the command writes to standard error. */
  readonly printError: (text: string) => void;
}

const MAX_OUTPUT_BYTES = 16_777_216;
/** Between SIGTERM and SIGKILL. */
const KILL_AFTER_MS = 5_000;
export const COMMAND_FAILED = 'gantry.error.command_failed';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) end(child, 'SIGKILL');
});

/**
 * Runs a command, without a shell, with `input` on its standard input. Resolves with its standard output. Errors:
 * WampError, when it cannot start, fails, or writes too much; `signal` ends it.
 */
export function runCommand(command: ShellCommand, input: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    // A process group of its own: SIGINT from the terminal does not end it, and its children end with it.
    const child = spawn(command.file, command.words, { detached: true, env: command.environment });
    let timer: NodeJS.Timeout | undefined;
    let failure: WampError | undefined;
    child.on('error', (error) => {
      command.printError(`gantry: ${command.file} cannot be run: ${error.message}\n`);
      failure ??= new WampError(COMMAND_FAILED, ['the command cannot be run']);
      if (child.pid === undefined) reject(failure);
    });
    // Without a process there may be no streams either, as when the descriptors are used up.
    if (child.pid === undefined) return;
    running.add(child);
    const stop = (error: WampError): void => {
      failure ??= error;
      end(child, 'SIGTERM');
      timer ??= setTimeout(() => end(child, 'SIGKILL'), KILL_AFTER_MS);
    };
    const cancel = (): void => stop(new WampError(ErrorUri.CANCELED));
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    const parts: Buffer[] = [];
    let length = 0;
    child.stdout.on('data', (part: Buffer) => {
      length += part.length;
      if (length > MAX_OUTPUT_BYTES) stop(new WampError(COMMAND_FAILED, ['the command wrote too much']));
      else parts.push(part);
    });
    child.stderr.setEncoding('utf8').on('data', command.printError);
    // A command need not read its input.
    child.stdin.on('error', () => undefined).end(input);
    child.on('close', (code, ended) => {
      running.delete(child);
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
      if (failure === undefined && code !== 0)
        failure = new WampError(COMMAND_FAILED, [
          code === null ? `the command was ended by ${ended ?? 'a signal'}` : `the command exited with ${code}`,
        ]);
      if (failure === undefined) resolve(Buffer.concat(parts).toString('utf8'));
      else reject(failure);
    });
  });
}

/** Ends the group of the command. */
function end(child: ChildProcess, signal: NodeJS.Signals): void {
  const { pid } = child;
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended, or this platform has no groups.
    child.kill(signal);
  }
}
