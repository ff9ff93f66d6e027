import { ExitCode } from './exit-code.js';

/** Resolves with the first of the signals from now on. Each later one calls `hurry`. */
export function firstSignal(
  signals: readonly NodeJS.Signals[],
  hurry: (signal: NodeJS.Signals) => void,
): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isFirst = true;
    const listener = (signal: NodeJS.Signals): void => {
      if (!isFirst) hurry(signal);
      isFirst = false;
      resolve(signal);
    };
    for (const signal of signals) process.on(signal, listener);
  });
}

/** Aborts at the first SIGTERM or SIGINT from now on, or when `output` fails. A second signal ends the process. */
export function interruption(output: NodeJS.WriteStream): AbortSignal {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.INTERRUPTED);
    controller.abort();
  };
  process.on('SIGTERM', listener);
  process.on('SIGINT', listener);
  output.on('error', () => controller.abort());
  return controller.signal;
}

export interface OtherSignals {
  readonly isInTerminal: boolean | undefined;
  readonly reload: (signal: NodeJS.Signals) => void;
  readonly replace: (signal: NodeJS.Signals) => void;
  readonly ignored: (signal: NodeJS.Signals) => void;
}

/**
 * Handles, from now on, signals that would end the process or open a debugger's port. SIGHUP reloads the configuration; to
 * a process in a terminal it means that the terminal was closed, and ends the process like SIGTERM. SIGUSR2 replaces the
 * processes of a parent.
 */
export function onOtherSignals({ isInTerminal, reload, replace, ignored }: OtherSignals): void {
  process.on('SIGUSR1', ignored);
  process.on('SIGUSR2', replace);
  process.on('SIGHUP', (signal) => {
    if (isInTerminal === true) process.kill(process.pid, 'SIGTERM');
    else reload(signal);
  });
}

/** Resolves to true when `work` was done in time. Rejects when it fails in time. */
export async function inTime(work: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
