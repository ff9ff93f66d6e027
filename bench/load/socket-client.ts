import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { LoadClient, OnMessage } from './client.js';

const nothing = (): void => undefined;

// One read buffer for all connections of the process: a read is used up before the next one begins.
const readBuffer = Buffer.allocUnsafeSlow(512 * 1024);

/** Called once: the handshake is done, or has failed. */
export type Opened = (error?: Error) => void;

/**
 * A client that does only what a load generator needs: whole messages in, prepared frames out. Anything else from the
 * server is a failure, given to `onFailure` once.
 */
export abstract class SocketClient implements LoadClient {
  abstract readonly framing: LoadClient['framing'];
  onMessage: OnMessage = nothing;
  onReadEnd: () => void = nothing;
  onFailure: (error: Error) => void = nothing;
  onClosed: () => void = nothing;

  protected readonly socket: Socket;
  #opened: Opened | null;
  #isClosing = false;

  /** `hello`: sent first. */
  protected constructor(target: TcpNetConnectOpts, hello: string | Buffer, opened: Opened) {
    this.#opened = opened;
    this.socket = connect({
      ...target,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (bytes, buffer) => {
          this.#read(buffer as Buffer, bytes);
          return true;
        },
      },
    });
    this.socket.on('connect', () => this.socket.write(hello));
    this.socket.on('error', (error) => this.#fail(error));
    this.socket.on('close', () => {
      if (!this.#isClosing) this.#fail(new Error('the server closed the connection'));
      this.onClosed();
    });
  }

  protected static open<Client>(create: (opened: Opened) => Client): Promise<Client> {
    return new Promise((resolve, reject) => {
      const client: Client = create((error) => {
        if (error === undefined) resolve(client);
        else reject(error);
      });
    });
  }

  write(frames: Buffer, written?: () => void): void {
    this.socket.write(frames, written);
  }

  expectClose(): void {
    this.#isClosing = true;
  }

  close(): void {
    this.#isClosing = true;
    if (!this.socket.destroyed) this.socket.end(this.farewell());
  }

  destroy(): void {
    this.#isClosing = true;
    this.socket.destroy();
  }

  protected get isOpen(): boolean {
    return this.#opened === null;
  }

  protected get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Uses up the first `bytes` of the buffer. False: the handshake is not complete. Throws the failure. */
  protected abstract read(buffer: Buffer, bytes: number): boolean;

  /** The frame that closes the connection; empty: it ends without. */
  protected abstract farewell(): Buffer;

  /** The handshake is complete. */
  protected opened(): void {
    const opened = this.#opened;
    this.#opened = null;
    opened?.();
  }

  #read(buffer: Buffer, bytes: number): void {
    try {
      if (this.read(buffer, bytes)) this.onReadEnd();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fail(error: Error): void {
    const opened = this.#opened;
    this.#opened = null;
    if (opened !== null) opened(error);
    else if (!this.#isClosing) this.onFailure(error);
    this.#isClosing = true;
    this.socket.destroy();
  }
}
