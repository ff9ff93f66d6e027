/** A time in which something took longer than it should. */
export interface Delay {
  readonly fromMs: number;
  readonly toMs: number;
  readonly lateMs: number;
}

const TICK_MS = 25;
/** What a machine with nothing else to do makes of a timer, and more. */
const USUAL_MS = 25;

/** How late this process, which is all the clients, does what it means to do: on a busy machine everything is. */
export class Lateness {
  readonly delays: Delay[] = [];
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    let dueMs = Date.now() + TICK_MS;
    this.#timer = setInterval(() => {
      const nowMs = Date.now();
      const lateMs = nowMs - dueMs - USUAL_MS;
      if (lateMs > 0) this.delays.push({ fromMs: dueMs, toMs: nowMs, lateMs });
      dueMs = nowMs + TICK_MS;
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** The longest of the delays that touch this time. */
export function longest(delays: readonly Delay[], fromMs: number, toMs: number): number {
  return delays.reduce(
    (most, delay) => (delay.fromMs <= toMs && delay.toMs >= fromMs ? Math.max(most, delay.lateMs) : most),
    0,
  );
}
