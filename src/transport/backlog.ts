/** A connection with bytes that its reader has not taken. */
export interface Backlogged {
  /** In its socket, as noted last. Only the backlog changes it. */
  bufferedBytes: number;
  /** What waits in all: in its queue and in its socket. */
  waitingBytes(): number;
  /** Hands to the socket what that takes now. */
  spill(): void;
  /** Lets go of what waits, and closes the connection as a slow reader's. */
  giveUp(): void;
}

/** The queues of all connections: what they have for the end of this turn. */
export interface Queues {
  readonly queuedBytes: number;
  due(): readonly Backlogged[];
}

/** After the bound was passed, this share of it may stay: otherwise the next write would pass it again. */
const KEPT_SHARE = 0.9;

/**
 * What waits for the readers of all connections together, in queues and in sockets. Past its bound the sockets get what
 * they take at once, and then those connections with the most unread bytes are given up (G7).
 */
export class Backlog {
  readonly #maxBytes: number;
  readonly #queues: Queues;
  readonly #buffered = new Set<Backlogged>();
  #bufferedBytes = 0;
  /** What queues may hold as long as so much is in sockets: whoever queues more calls `check`. */
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

  /** What is in the socket of this connection now. O(1). */
  note(member: Backlogged, bytes: number): void {
    this.#bufferedBytes += bytes - member.bufferedBytes;
    this.roomBytes = this.#maxBytes - this.#bufferedBytes;
    member.bufferedBytes = bytes;
    if (bytes === 0) this.#buffered.delete(member);
    else this.#buffered.add(member);
  }

  /** Looks at the bound: when queues hold more than `roomBytes`, and whenever a socket has more. O(1) below it. */
  check(): void {
    if (this.#queues.queuedBytes > this.roomBytes && !this.#isRelieving) this.#relieve();
  }

  #relieve(): void {
    this.#isRelieving = true;
    const members = [...new Set([...this.#queues.due(), ...this.#buffered])];
    // What was only just queued says nothing of its reader.
    for (const member of members) member.spill();
    members.sort((one, other) => other.waitingBytes() - one.waitingBytes());
    for (const member of members) {
      if (this.totalBytes <= this.#maxBytes * KEPT_SHARE) break;
      if (member.waitingBytes() > 0) member.giveUp();
    }
    this.#isRelieving = false;
  }
}
