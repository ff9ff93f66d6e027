import type { SerializerId } from '../wamp/payload.js';

/** One connection to a router. It carries whole WAMP messages. */
export interface Link {
  readonly serializer: SerializerId;
  /** `sent`: called when the system has taken the message, or the connection has ended. Errors: UnencodableError. */
  send(message: Uint8Array, sent?: () => void): void;
  /** Ends the connection behind what was sent. */
  close(): void;
  /** Stops or resumes reading. */
  pause(isPaused: boolean): void;
}

/** The receiver of a link's messages and of its end. */
export interface LinkReceiver {
  receive(message: Uint8Array): void;
  /** Comes once, and only after the link was open. `reason` is empty where the end has none. */
  closed(reason: string): void;
}

export interface LinkOptions {
  readonly url: string;
  /** In order of preference. RawSocket offers only the first. */
  readonly serializers: readonly SerializerId[];
  readonly timeoutMs: number;
  /** Sent with the handshake of a WebSocket, and with each request of long-poll. RawSocket has none. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: ClientTlsFiles;
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal;
}

/** Contents of PEM files. */
export interface ClientTlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}
