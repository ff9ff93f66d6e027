import { CheckedTail } from './checked-payload.js';
import type { LoadClient, OnMessage } from './client.js';
import { source, type FanoutWire } from './fanout-wire.js';
import { clientFrame, FixedFrame } from './frame-template.js';
import { makePayload } from './payload.js';
import { WebSocketClient } from './websocket.js';

const text = 0x81;
const newline = 10;

/**
 * The JSON protocol of Centrifugo. One message of the WebSocket holds several lines: each is one message here. Replies are
 * not passed on once `ask` has had its own.
 */
class CentrifugoClient implements LoadClient {
  readonly framing = 'websocket';
  onMessage: OnMessage = () => undefined;
  readonly #socket: WebSocketClient;
  #replied: ((line: string) => void) | null = null;

  private constructor(socket: WebSocketClient) {
    this.#socket = socket;
    socket.onMessage = (buffer, start, end) => this.#split(buffer, start, end);
  }

  static async connect(url: string): Promise<CentrifugoClient> {
    const client = new CentrifugoClient(await WebSocketClient.connect(url, 'centrifuge-json'));
    await client.ask(1, { connect: {} });
    return client;
  }

  /** Sends the command and resolves once the server has carried it out. */
  ask(id: number, command: object): Promise<void> {
    this.write(clientFrame(text, Buffer.from(JSON.stringify({ id, ...command }))));
    return new Promise((resolve, reject) => {
      this.onFailure = reject;
      this.#replied = (line) => {
        this.#replied = null;
        if (line.includes('"error"')) reject(new Error(`the server replied ${line}`));
        else resolve();
      };
    });
  }

  set onReadEnd(action: () => void) {
    this.#socket.onReadEnd = action;
  }

  set onFailure(action: (error: Error) => void) {
    this.#socket.onFailure = action;
  }

  set onClosed(action: () => void) {
    this.#socket.onClosed = action;
  }

  write(frames: Buffer, written?: () => void): void {
    this.#socket.write(frames, written);
  }

  expectClose(): void {
    this.#socket.expectClose();
  }

  close(): void {
    this.#socket.close();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #split(buffer: Buffer, start: number, end: number): void {
    if (this.#replied !== null) {
      this.#replied(buffer.toString('utf8', start, end));
      return;
    }
    let at = start;
    while (at < end) {
      const found = buffer.indexOf(newline, at);
      const lineEnd = found < 0 || found > end ? end : found;
      this.onMessage(buffer, at, lineEnd);
      at = lineEnd + 1;
    }
  }
}

export const centrifugo: FanoutWire = {
  subscribe: async ({ url }, _serializer, channel) => {
    const client = await CentrifugoClient.connect(url);
    await client.ask(2, { subscribe: { channel } });
    return client;
  },
  publisher: async ({ url }, { topic, payloadBytes }) => {
    const client = await CentrifugoClient.connect(url);
    const payload = makePayload(payloadBytes, source);
    const frame = clientFrame(text, Buffer.from(`{"id":2,"publish":{"channel":"${topic}","data":"${payload}"}}`));
    return { client, frame: new FixedFrame(frame, frame.indexOf(payload)) };
  },
  check: ({ topic, payloadBytes }) => new CheckedTail(`{"push":{"channel":"${topic}","pub":{"data":"`, payloadBytes),
};
