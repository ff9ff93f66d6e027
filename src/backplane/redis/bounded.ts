import { BackplaneUnavailableError } from '../backplane.js';

/** Runs `action` once after `delayMs`; the returned function cancels it. Keeps no process alive. */
export function after(delayMs: number, action: () => void): () => void {
  const timer = setTimeout(action, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}

/** As `work`, but rejects with BackplaneUnavailableError when that takes longer; what it does then goes on unwatched. */
export function within<Result>(limitMs: number, operation: string, work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const cancel = after(limitMs, () => {
      reject(new BackplaneUnavailableError(`${operation}: it took longer than ${limitMs} ms`));
    });
    work.then(resolve, reject).finally(cancel);
  });
}
