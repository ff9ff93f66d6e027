import type { OutboxSocket } from '../outbox-socket.js';

/** A clock with a new `number` for each period; several periods fit into the time that a connection may stay silent. */
export interface ProbePeriod {
  readonly number: number;
}

export const PROBE_BYTES = 131_072;
export const PROBES_PER_PERIOD = 32;

/**
 * Pings after each PROBE_BYTES sent. The pong shows that they have arrived, even where all that waits is in the kernel's
 * buffer, which holds some MiB: a reader that takes so much within the idle timeout is alive, however slow its line is.
 * For what waits beyond that buffer, uWebSockets.js sees by itself that it moves.
 */
export class ReadProbe {
  readonly #socket: OutboxSocket;
  readonly #period: ProbePeriod;
  #unprobedBytes = 0;
  #count = 0;
  #periodNumber = 0;

  constructor(socket: OutboxSocket, period: ProbePeriod) {
    this.#socket = socket;
    this.#period = period;
  }

  sent(bytes: number): void {
    this.#unprobedBytes += bytes;
    if (this.#unprobedBytes >= PROBE_BYTES) this.#probe();
  }

  #probe(): void {
    this.#unprobedBytes = 0;
    const { number } = this.#period;
    if (number !== this.#periodNumber) {
      this.#periodNumber = number;
      this.#count = 0;
    }
    if (this.#count++ < PROBES_PER_PERIOD) this.#socket.ping();
  }
}
