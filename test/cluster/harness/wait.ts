import { setTimeout as sleep } from 'node:timers/promises';

const STEP_MS = 25;

/** Resolves once it holds; rejects with what was missing at the deadline. */
export async function within(
  limitMs: number,
  what: string,
  holds: () => boolean | readonly string[] | Promise<boolean | readonly string[]>,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const verdict = await holds();
    if (verdict === true || (Array.isArray(verdict) && verdict.length === 0)) return;
    if (Date.now() > deadline) {
      const missing = Array.isArray(verdict) ? `: ${verdict.slice(0, 12).join('; ')}` : '';
      throw new Error(`did not happen within ${limitMs} ms: ${what}${missing}`);
    }
    await sleep(STEP_MS);
  }
}

/** How long something under load goes on, as part of a scenario; never to prove that something does not happen. */
export function forMs(durationMs: number): Promise<void> {
  return sleep(durationMs);
}
