/** A connection with bytes that its reader has not taken. */
export interface Backlogged {
  /** Bytes in its socket, as last noted. Only the backlog changes it. */
  bufferedBytes: number;
  /** All waiting bytes: in its queue and in its socket. */
  waitingBytes(): number;
  /** Writes what the socket takes now. */
  spill(): void;
  /** Drops what waits, and closes the connection as a slow reader's. */
  giveUp(): void;
}

/** The queues of all connections for the end of this turn. */
export interface Queues {
  readonly queuedBytes: number;
  due(): readonly Backlogged[];
}

/** Share of the bound that may stay after it was passed: otherwise the next write would pass it again. */
const KEPT_SHARE = 0.9;

/**
 * The bytes that wait for the readers of all connections together, in queues and in sockets. Past the bound the sockets
 * first get what they take, and then those connections with the most unread bytes are closed (G7).
 */
export class Backlog {
  readonly #maxBytes: number;
  readonly #queues: Queues;
  readonly #buffered = new Set<Backlogged>();
  #bufferedBytes = 0;
  /**
   * Bytes that queues may hold while the sockets hold as much as they do; a connection that queues more calls `check`.
   */
  roomBytes: number;
  #isRelieving = false;

  constructor(maxBytes: number, queues: Queues) {
    this.#maxBytes = maxBytes;
    this.roomBytes = maxBytes;
    this.#queues = queues;
  }

  get totalBytes(): number {
    return this.#bufferedBytes + this.#queues.queuedBytes;
  }

  /** Notes the bytes in the socket of this connection. O(1). */
  note(member: Backlogged, bytes: number): void {
    this.#bufferedBytes += bytes - member.bufferedBytes;
    this.roomBytes = this.#maxBytes - this.#bufferedBytes;
    member.bufferedBytes = bytes;
    if (bytes === 0) this.#buffered.delete(member);
    else this.#buffered.add(member);
  }

  /**
   * Checks the bound: to be called when queues hold more than `roomBytes`, and whenever a socket holds more. O(1) below
   * it.
   */
  check(): void {
    if (this.#queues.queuedBytes > this.roomBytes && !this.#isRelieving) this.#relieve();
  }

  #relieve(): void {
    this.#isRelieving = true;
    const members = [...new Set([...this.#queues.due(), ...this.#buffered])];
    // Bytes that were only just queued do not show a slow reader.
    for (const member of members) member.spill();
    members.sort((one, other) => other.waitingBytes() - one.waitingBytes());
    for (const member of members) {
      if (this.totalBytes <= this.#maxBytes * KEPT_SHARE) break;
      if (member.waitingBytes() > 0) member.giveUp();
    }
    this.#isRelieving = false;
  }
}
