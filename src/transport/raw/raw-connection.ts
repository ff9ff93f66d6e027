import type { Socket } from 'node:net';
import type { SharedBody } from '../../codec/shared-body.js';
import type { CloseCause, ConnectionTraits } from '../connection.js';
import { HEADROOM_BYTES } from '../slab.js';
import { SocketConnection, type ConnectionDependencies } from '../socket-connection.js';
import { MOST_SENT_BYTES, type FrameKind } from './frame-head.js';
import { FrameReader, type FrameSink } from './frame-reader.js';
import type { RawOutput } from './raw-output.js';
import type { ReadTurns, TurnReader } from './read-turns.js';

export interface RawConnectionOptions {
  /** The length that this side has announced. */
  readonly maxFrameBytes: number;
  /** A connection reads about this much in a turn (G11). */
  readonly turnBytes: number;
  readonly turns: ReadTurns;
}

/**
 * One RawSocket connection: reads its frames. Does not read on in a turn in which it has read its share, nor while the
 * listener still has messages to handle: these stay with the client, and no other connection waits for them (G11).
 */
export class RawConnection extends SocketConnection implements FrameSink, TurnReader {
  readonly #socket: Socket;
  readonly #output: RawOutput;
  readonly #options: RawConnectionOptions;
  readonly #reader: FrameReader;
  readonly #maxSentBytes: number;
  #turnBytes = 0;
  #hasReadInTurn = false;
  #isBehind = false;
  #isPaused = false;

  constructor(
    socket: Socket,
    output: RawOutput,
    traits: ConnectionTraits,
    dependencies: ConnectionDependencies,
    options: RawConnectionOptions,
  ) {
    super(output, traits, dependencies);
    this.#socket = socket;
    this.#output = output;
    this.#options = options;
    this.#maxSentBytes = traits.maxSentBytes ?? MOST_SENT_BYTES;
    this.#reader = new FrameReader(options.maxFrameBytes, HEADROOM_BYTES);
  }

  /** Bytes behind the handshake, as they arrive. */
  read(chunk: Uint8Array): void {
    if (!this.isReading) return;
    if (!this.#hasReadInTurn) {
      this.#hasReadInTurn = true;
      this.#options.turns.add(this);
    }
    this.#turnBytes += chunk.length;
    this.#reader.read(chunk, this);
    if (this.#isBehind || this.#turnBytes >= this.#options.turnBytes) this.#pause();
  }

  frame(kind: FrameKind, payload: Uint8Array, headroomBytes?: number): boolean {
    if (kind === 'message') this.received(payload, headroomBytes);
    else if (kind === 'ping') {
      this.#output.pong(payload);
      this.pinged();
    }
    return this.isReading;
  }

  unreadable(): void {
    this.malformed('a frame with a reserved bit or type', 'protocol_violation');
  }

  /** The layers above send no message that is too long for the client, where that can be answered otherwise (RS-3). */
  override write(message: Uint8Array, body?: SharedBody): void {
    if (message.length + (body?.length ?? 0) <= this.#maxSentBytes) super.write(message, body);
    else this.close('limit');
  }

  override caughtUp(): void {
    this.#isBehind = false;
    if (!this.#hasReadInTurn) this.#resume();
  }

  nextTurn(): void {
    this.#hasReadInTurn = false;
    this.#turnBytes = 0;
    if (!this.#isBehind) this.#resume();
  }

  override close(cause: CloseCause): void {
    super.close(cause);
    this.#reader.stop();
  }

  override ended(): void {
    this.#reader.stop();
    super.ended();
  }

  protected override fellBehind(): void {
    this.#isBehind = true;
  }

  #pause(): void {
    if (!this.isReading) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#isPaused || !this.isReading) return;
    this.#isPaused = false;
    this.#socket.resume();
  }
}
