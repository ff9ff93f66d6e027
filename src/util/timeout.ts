/** Runs `action` once after `delayMs`; the returned function cancels it. The timer keeps no process alive. */
export function after(delayMs: number, action: () => void): () => void {
  const timer = setTimeout(action, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}

/**
 * Settles as `work` does, or rejects with the error that `timedOut` creates once `limitMs` have passed. Work that is late goes
 * on, and its outcome is ignored. `startTimer` takes the place of `after`.
 */
export function withTimeout<Result>(
  limitMs: number,
  work: Promise<Result>,
  timedOut: () => Error,
  startTimer = after,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const cancel = startTimer(limitMs, () => reject(timedOut()));
    work.then(resolve, reject).finally(cancel);
  });
}
