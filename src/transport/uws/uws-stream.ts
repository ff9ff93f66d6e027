import { Buffer } from 'node:buffer';
import type { HttpResponse } from 'uWebSockets.js';
import type { Counters } from '../../telemetry/counters.js';
import type { Backlog, Backlogged } from '../bounds/backlog.js';
import type { HttpHeaders, HttpStream, StreamOptions } from '../http/exchange.js';
import { writeHttpHead } from './uws-http.js';

/** The library ends a connection to which nothing was written for 8 to 12 s. */
const FILLER_MS = 4_000;

export interface StreamDependencies {
  readonly counters: Counters;
  readonly backlog: Backlog;
  /** See writeHead. */
  readonly standing: HttpHeaders;
  /** The stream has ended. May be called more than once. */
  readonly ended: () => void;
}

/**
 * The body of an answer, in chunks. The library copies each chunk that the system does not take, without a bound: so it
 * gets at most one such chunk, and the others wait here.
 */
export class UwsStream implements HttpStream, Backlogged {
  readonly #response: HttpResponse | undefined;
  readonly #options: StreamOptions;
  readonly #dependencies: StreamDependencies;
  readonly #filling: NodeJS.Timeout | undefined;
  /** Chunks that wait until the system has taken the one that the library holds. */
  #queue = '';
  #queuedBytes = 0;
  /** Bytes that the library has copied, at most. */
  #heldBytes = 0;
  #isEnding = false;
  #isOpen: boolean;
  /** See Backlogged. */
  bufferedBytes = 0;

  /** `response` undefined: the client has left before the answer. */
  constructor(response: HttpResponse | undefined, options: StreamOptions, dependencies: StreamDependencies) {
    this.#response = response;
    this.#options = options;
    this.#dependencies = dependencies;
    this.#isOpen = response !== undefined;
    if (response === undefined) return;
    response.onAborted(() => this.#ended());
    response.onWritable(() => this.#writable());
    response.cork(() => {
      writeHttpHead(response, options, dependencies.standing);
      response.writeHeader('Connection', 'close');
    });
    this.#send(options.filler);
    this.#filling = setInterval(() => this.#fill(), FILLER_MS);
  }

  get unsentBytes(): number {
    return this.#queuedBytes + this.#heldBytes;
  }

  write(bytes: string): boolean {
    if (!this.#isOpen || this.#isEnding) return false;
    if (this.#heldBytes === 0) {
      this.#send(bytes);
    } else {
      this.#queue += bytes;
      this.#queuedBytes += Buffer.byteLength(bytes);
    }
    this.#note();
    if (this.unsentBytes <= this.#options.maxUnsentBytes) return this.#isOpen;
    this.#dependencies.counters.limitsReached.unsent_bytes++;
    this.giveUp();
    return false;
  }

  end(): void {
    if (!this.#isOpen || this.#isEnding) return;
    this.#isEnding = true;
    clearInterval(this.#filling);
    // In the turn of the request the library has what was written in its buffer, which a close discards.
    setImmediate(() => {
      if (this.#heldBytes === 0) this.giveUp();
    });
  }

  waitingBytes(): number {
    return this.unsentBytes;
  }

  spill(): void {
    // The library has already offered everything to the system.
  }

  /** Closes the connection without a last chunk: the library could not write one and close it. */
  giveUp(): void {
    if (this.#isOpen) this.#response?.close();
  }

  #fill(): void {
    if (this.#isOpen && this.#heldBytes === 0) this.#send(this.#options.filler);
  }

  #send(bytes: string): void {
    let isTaken = true as boolean;
    this.#response?.cork(() => {
      isTaken = this.#response?.write(bytes) ?? true;
    });
    this.#heldBytes = isTaken ? 0 : this.#heldBytes + Buffer.byteLength(bytes);
  }

  /**
   * The library offers what it holds to the system again only when it gets more to write; so without a chunk it gets the
   * filler.
   */
  #writable(): boolean {
    if (!this.#isOpen) return true;
    if (this.#queue !== '') {
      const bytes = this.#queue;
      this.#queue = '';
      this.#queuedBytes = 0;
      this.#send(bytes);
    } else if (this.#heldBytes > 0) {
      this.#send(this.#options.filler);
    }
    if (this.#isEnding && this.#heldBytes === 0) this.giveUp();
    this.#note();
    return true;
  }

  #ended(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearInterval(this.#filling);
    this.#queue = '';
    this.#queuedBytes = 0;
    this.#heldBytes = 0;
    this.#dependencies.backlog.note(this, 0);
    this.#dependencies.ended();
  }

  #note(): void {
    if (!this.#isOpen) return;
    this.#dependencies.backlog.note(this, this.unsentBytes);
    this.#dependencies.backlog.check();
  }
}
