import { setTimeout as pause } from 'node:timers/promises';

const timeoutMs = 30_000;

/** Waits until `isSo`; otherwise fails with this reason. */
export async function until(isSo: () => boolean, otherwise: () => string): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(otherwise());
    await pause(5);
  }
}
