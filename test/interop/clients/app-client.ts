import type { SerializerId } from '../../../src/wamp/payload.js';

/** What a message carries. Bytes are Buffers here, whatever the serializer makes of them. */
export interface Payload {
  readonly args: unknown[];
  readonly kwargs: Record<string, unknown>;
}

export interface AppEvent extends Payload {
  /** Absent: wampy does not expose it. */
  readonly publication?: number;
  readonly topic: string | undefined;
  readonly publisher: number | undefined;
  readonly retained?: boolean;
}

export interface AppInvocation extends Payload {
  readonly procedure: string | undefined;
  readonly caller: number | undefined;
  /** Answers in progress, whether or not it was asked for. */
  readonly progress: (payload: Partial<Payload>) => void;
}

export interface AppCall {
  /** Rejects with AppError. */
  readonly result: Promise<Payload>;
  readonly progress: readonly Payload[];
  cancel(mode: CancelMode): void;
}

export type CancelMode = 'skip' | 'kill' | 'killnowait';
export type EventHandler = (event: AppEvent) => void;
export type Endpoint = (invocation: AppInvocation) => Partial<Payload> | Promise<Partial<Payload>>;

/** A call or request that failed, or is to fail. */
export class AppError extends Error {
  readonly uri: string;
  readonly args: unknown[];
  readonly kwargs: Record<string, unknown>;

  constructor(uri: string, args: unknown[] = [], kwargs: Record<string, unknown> = {}) {
    super(uri);
    this.uri = uri;
    this.args = args;
    this.kwargs = kwargs;
  }
}

/** One session of a client library, the same words for all of them. */
export interface AppClient {
  readonly kind: ClientKind;
  readonly session: number;
  /** How the connection ended: the reason of the router's GOODBYE or ABORT, else the close frame (`closeText`). */
  readonly ended: Promise<string>;
  isOpen(): boolean;
  /** Resolves with the way to unsubscribe. */
  subscribe(topic: string, handler: EventHandler, options?: object): Promise<() => Promise<unknown>>;
  /** Acknowledged. Resolves with the publication's id. */
  publish(topic: string, payload?: Partial<Payload>, options?: object): Promise<number>;
  /** Resolves with the way to unregister. */
  register(procedure: string, endpoint: Endpoint, options?: object): Promise<() => Promise<unknown>>;
  call(procedure: string, payload?: Partial<Payload>, options?: object): AppCall;
  /** Sends GOODBYE; resolves when the connection is closed. */
  leave(): Promise<void>;
}

export interface ClientKind {
  readonly library: 'autobahn' | 'wampy';
  readonly serializer: SerializerId;
}

/** What a close frame states, as all clients of the tests write it. */
export function closeText(code: number, reason: { toString(): string }): string {
  return `closed ${code} ${reason.toString()}`.trim();
}

/** Values as an application on this serializer has to write them: JSON has bytes only as text (SER-3). */
export function toClient(serializer: SerializerId, value: unknown): unknown {
  if (serializer !== 'json') return value;
  return deep(value, (leaf) => (leaf instanceof Uint8Array ? `\u0000${Buffer.from(leaf).toString('base64')}` : leaf));
}

/** Values as a library handed them out: msgpackr gives a BigInt for every integer above 2^32. */
export function fromClient(serializer: SerializerId, value: unknown): unknown {
  return deep(value, (leaf) => {
    if (typeof leaf === 'bigint') return Number(leaf);
    if (leaf instanceof Uint8Array) return Buffer.from(leaf);
    if (serializer !== 'json' || typeof leaf !== 'string' || !leaf.startsWith('\u0000')) return leaf;
    return Buffer.from(leaf.slice(1), 'base64');
  });
}

export function payloadFrom(serializer: SerializerId, args: unknown, kwargs: unknown): Payload {
  return {
    args: fromClient(serializer, args ?? []) as unknown[],
    kwargs: fromClient(serializer, kwargs ?? {}) as Record<string, unknown>,
  };
}

function deep(value: unknown, change: (leaf: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((entry) => deep(entry, change));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return change(value);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, deep(entry, change)]));
}
