import type { KernelSockets, NoKernelSockets } from './kernel-sockets.js';

export interface ReceiveBufferOptions {
  /** For every connection. 0: the system decides, and this class does nothing. */
  readonly receiveBufferBytes: number;
  /** For a connection that floods this node. 0: no difference. */
  readonly floodReceiveBufferBytes: number;
}

/** The result of asking for a small receive buffer. */
export type ReceiveBuffer =
  /** Bytes that the system grants each connection. */
  | { readonly kind: 'limited'; readonly bytes: number }
  /** The system decides, and one client may fill a whole turn. `reason`: one sentence for people. */
  | { readonly kind: 'unlimited'; readonly reason: string };

/** A connection that has this part of its buffer unread, while the node is flooded, is one of those that flood it. */
const FLOODING_SHARE = 1 / 4;
/** Between two searches for them: ten times as long as the last search took, within these bounds. */
const LEAST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 100;
const PAUSE_FACTOR = 10;
/** Descriptors that are looked at in one turn of the event loop. A look takes about a microsecond. */
const LOOKS_PER_TURN = 512;
const RELEASE_PERIOD_MS = 1_000;
/** A narrowed connection must be quiet for this many consecutive checks. */
const QUIET_LOOKS = 3;

/**
 * The receive buffers of the connections of one listener: the only flow control there is, since uWebSockets.js reads a
 * connection until nothing is left and cannot pause a WebSocket. Bytes that do not fit stay with the sender (ADR 15).
 *
 * Two sizes. Every connection has the first, inherited from the listening socket. While the node reads more than it can
 * handle, those connections that keep much unread get the second, until they have less to send: so a flood costs a turn of
 * the event loop a few kilobytes for each of its connections, and honest ones keep their throughput.
 */
export class ReceiveBuffers {
  readonly #kernel: KernelSockets | NoKernelSockets;
  readonly #options: ReceiveBufferOptions;
  readonly #nowMs: () => number;
  #port: number | undefined;
  /** Key: the descriptor; value: looks in a row that found little unread. */
  readonly #narrowed = new Map<number, number>();
  #isSearching = false;
  #searchAgainMs = 0;
  #releaseTimer: NodeJS.Timeout | undefined;

  constructor(kernel: KernelSockets | NoKernelSockets, options: ReceiveBufferOptions, nowMs: () => number) {
    this.#kernel = kernel;
    this.#options = options;
    this.#nowMs = nowMs;
  }

  /** Connections whose buffer is small now because they flood this node, or did lately. */
  get narrowedCount(): number {
    return this.#narrowed.size;
  }

  /**
   * Limits the buffers of the sockets that listen at `port`, and so of all that they accept from now on.
   * O(descriptors).
   */
  limit(port: number): ReceiveBuffer {
    const kernel = this.#kernel;
    if ('reason' in kernel) return unlimited(kernel.reason);
    const listening = kernel.descriptors().filter((fd) => kernel.isListening(fd) && kernel.localPort(fd) === port);
    if (listening.length === 0) return unlimited(`the socket that listens at port ${port} was not found`);
    let bytes = Infinity;
    for (const fd of listening) {
      const isSet = kernel.setReceiveBuffer(fd, this.#options.receiveBufferBytes);
      const granted = kernel.receiveBuffer(fd);
      if (!isSet || granted === undefined) return unlimited('the system refused to set the receive buffer');
      bytes = Math.min(bytes, granted);
    }
    this.#port = port;
    return { kind: 'limited', bytes };
  }

  /**
   * The node reads more than it can handle: narrows the connections that bring it. The first 512 descriptors are looked at
   * before it returns, since what is unread would be read next, others over the next turns. Cheap when it was called just
   * before.
   */
  relieve(): void {
    if (this.#port === undefined || this.#options.floodReceiveBufferBytes === 0) return;
    if (this.#isSearching || this.#nowMs() < this.#searchAgainMs) return;
    this.#isSearching = true;
    const startMs = this.#nowMs();
    void this.#search().finally(() => {
      this.#isSearching = false;
      const endMs = this.#nowMs();
      const pauseMs = Math.max(LEAST_PAUSE_MS, (endMs - startMs) * PAUSE_FACTOR);
      this.#searchAgainMs = endMs + Math.min(pauseMs, LONGEST_PAUSE_MS);
    });
  }

  /** Idempotent. */
  stop(): void {
    this.#port = undefined;
    clearTimeout(this.#releaseTimer);
    this.#narrowed.clear();
  }

  async #search(): Promise<void> {
    const kernel = this.#kernel;
    if ('reason' in kernel) return;
    const { receiveBufferBytes, floodReceiveBufferBytes } = this.#options;
    await this.#visit(kernel.descriptors(), (fd) => {
      if (kernel.unreadBytes(fd) < receiveBufferBytes * FLOODING_SHARE || !this.#isOurs(kernel, fd)) return;
      if (kernel.setReceiveBuffer(fd, floodReceiveBufferBytes)) this.#narrowed.set(fd, 0);
    });
    this.#awaitQuiet();
  }

  async #release(): Promise<void> {
    const kernel = this.#kernel;
    if ('reason' in kernel) return;
    const { receiveBufferBytes, floodReceiveBufferBytes } = this.#options;
    await this.#visit([...this.#narrowed.keys()], (fd) => {
      // The connection has ended, and its descriptor may stand for a file or another socket by now.
      if (!this.#isOurs(kernel, fd)) {
        this.#narrowed.delete(fd);
        return;
      }
      const isQuiet = kernel.unreadBytes(fd) < floodReceiveBufferBytes / 2;
      const quietLooks = isQuiet ? (this.#narrowed.get(fd) ?? 0) + 1 : 0;
      this.#narrowed.set(fd, quietLooks);
      if (quietLooks < QUIET_LOOKS) return;
      this.#narrowed.delete(fd);
      kernel.setReceiveBuffer(fd, receiveBufferBytes);
    });
    this.#awaitQuiet();
  }

  #awaitQuiet(): void {
    clearTimeout(this.#releaseTimer);
    if (this.#port === undefined || this.#narrowed.size === 0) return;
    this.#releaseTimer = setTimeout(() => void this.#release(), RELEASE_PERIOD_MS).unref();
  }

  /** A bounded number in each turn. */
  async #visit(descriptors: readonly number[], look: (fd: number) => void): Promise<void> {
    for (let start = 0; start < descriptors.length; start += LOOKS_PER_TURN) {
      if (start > 0) await nextTurn();
      if (this.#port === undefined) return;
      for (const fd of descriptors.slice(start, start + LOOKS_PER_TURN)) look(fd);
    }
  }

  #isOurs(kernel: KernelSockets, fd: number): boolean {
    return kernel.localPort(fd) === this.#port;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function unlimited(reason: string): ReceiveBuffer {
  return { kind: 'unlimited', reason };
}
