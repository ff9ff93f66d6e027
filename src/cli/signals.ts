/** Resolves with the first SIGTERM or SIGINT from now on. Each later one calls `hurry`. */
export function firstSignal(hurry: (signal: NodeJS.Signals) => void): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isFirst = true;
    const listener = (signal: NodeJS.Signals): void => {
      if (!isFirst) hurry(signal);
      isFirst = false;
      resolve(signal);
    };
    process.on('SIGTERM', listener);
    process.on('SIGINT', listener);
  });
}

/**
 * The process ignores, from now on, signals that would end it or open a debugger's port. SIGHUP to a process in a terminal
 * means that the terminal was closed: it ends the process like SIGTERM.
 */
export function ignoreSignals(ignored: (signal: NodeJS.Signals) => void, isInTerminal: boolean): void {
  process.on('SIGUSR1', ignored);
  process.on('SIGHUP', (signal) => {
    if (isInTerminal) process.kill(process.pid, 'SIGTERM');
    else ignored(signal);
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
