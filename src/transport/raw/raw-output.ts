import type { Socket } from 'node:net';
import type { OutboxSocket } from '../outbox-socket.js';
import { HEAD_BYTES, writeFrameHead, type FrameKind } from './frame-head.js';

/** The owner of an output, which it notifies at once. */
export interface OutputOwner {
  /** The system has taken bytes that waited. */
  drained(): void;
  /** The output has ended the socket: the owner disposes of the outbox before it returns. Called once. */
  ended(): void;
}

const SCRATCH_BYTES = 65_536;
const TAKEN = 1;
const BUFFERED = 0;

/** Memory in which all sockets of a server put frames together, one socket after the other. */
export class Scratch {
  bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  used = 0;

  /** The memory belongs to a socket until it is sent: takes other memory. */
  replace(): void {
    this.bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  }
}

/** Writes the messages of an outbox to a socket of Node.js, as frames. Copies them, because an outbox reuses memory. */
export class RawOutput implements OutboxSocket {
  owner: OutputOwner | undefined;
  readonly #socket: Socket;
  readonly #scratch: Scratch;
  readonly #lingerMs: number;
  readonly #isSecure: boolean;
  #isCorked = false;
  #isEnded = false;
  readonly #written = (): void => {
    if (!this.#isEnded) this.owner?.drained();
  };

  /** `lingerMs`: how long the peer may take to end the connection after this side has. */
  constructor(socket: Socket, scratch: Scratch, lingerMs: number) {
    this.#socket = socket;
    this.#isSecure = 'encrypted' in socket;
    this.#scratch = scratch;
    this.#lingerMs = lingerMs;
  }

  send(message: Uint8Array): number {
    this.#add('message', message);
    return this.#socket.writableLength > 0 ? BUFFERED : TAKEN;
  }

  /** Answers a PING, ahead of messages that wait for the end of the turn. */
  pong(payload: Uint8Array): void {
    if (!this.#isEnded) this.#add('pong', payload);
  }

  /** Sends nothing: autobahn-python ends the connection at a PING. Node.js retries by itself. */
  ping(): number {
    return TAKEN;
  }

  getBufferedAmount(): number {
    return this.#socket.writableLength + (this.#isCorked ? this.#scratch.used : 0);
  }

  cork(callback: () => void): void {
    this.#isCorked = true;
    callback();
    this.#isCorked = false;
    this.#flush();
  }

  /** Sends FIN behind what was written, and drops what still arrives until the peer ends the connection too. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const socket = this.#socket;
    socket.end();
    socket.resume();
    // Destroyed at once, a socket with unread bytes would reset the connection, and the peer could lose the last message.
    const linger = setTimeout(() => socket.destroy(), this.#lingerMs);
    socket.once('close', () => clearTimeout(linger));
    this.owner?.ended();
  }

  close(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#socket.destroy();
    this.owner?.ended();
  }

  #add(kind: FrameKind, payload: Uint8Array): void {
    const scratch = this.#scratch;
    const length = HEAD_BYTES + payload.length;
    if (length > SCRATCH_BYTES - scratch.used) this.#flush();
    if (length > SCRATCH_BYTES) {
      const frame = Buffer.allocUnsafeSlow(length);
      putFrame(frame, 0, kind, payload);
      this.#socket.write(frame, this.#written);
      return;
    }
    putFrame(scratch.bytes, scratch.used, kind, payload);
    scratch.used += length;
    if (!this.#isCorked) this.#flush();
  }

  #flush(): void {
    const scratch = this.#scratch;
    if (scratch.used === 0) return;
    const frames = scratch.bytes.subarray(0, scratch.used);
    scratch.used = 0;
    // A socket with TLS, or with bytes that wait, keeps these: copies what is mostly far shorter than the scratch.
    const isKept = this.#isSecure || this.#socket.writableLength > 0;
    this.#socket.write(isKept ? Buffer.from(frames) : frames, this.#written);
    if (!isKept && this.#socket.writableLength > 0) scratch.replace();
  }
}

function putFrame(target: Uint8Array, at: number, kind: FrameKind, payload: Uint8Array): void {
  writeFrameHead(target, at, kind, payload.length);
  target.set(payload, at + HEAD_BYTES);
}
