import { setTimeout as sleep } from 'node:timers/promises';

const STEP_MS = 25;
/** A limit is for a machine with nothing else to do. On a busy one all may take this many times as long. */
export const BUSY_FACTOR = 6;

/**
 * Resolves once it holds; rejects with what was missing when the limit has passed, and no sooner than this process had
 * the time to look that often. `busyFactor` 1: where it is expected not to come.
 */
export async function within(
  limitMs: number,
  what: string,
  holds: () => boolean | readonly string[] | Promise<boolean | readonly string[]>,
  busyFactor = BUSY_FACTOR,
): Promise<void> {
  const deadline = Date.now() + limitMs * busyFactor;
  for (let countdown = limitMs / STEP_MS; ; countdown--) {
    const verdict = await holds();
    if (verdict === true || (Array.isArray(verdict) && verdict.length === 0)) return;
    if (countdown <= 0 && Date.now() > deadline) {
      const missing = Array.isArray(verdict) ? `: ${verdict.slice(0, 12).join('; ')}` : '';
      throw new Error(`did not happen within ${limitMs * busyFactor} ms: ${what}${missing}`);
    }
    await sleep(STEP_MS);
  }
}

/** How long something under load goes on, as part of a scenario; never to prove that something does not happen. */
export function forMs(durationMs: number): Promise<void> {
  return sleep(durationMs);
}
