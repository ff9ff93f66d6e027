import type { HttpStatus } from '../../telemetry/counters.js';
import type { ClientCertificate } from '../opening/client-certificate.js';
import type { BodyBounds, BodyFlaw } from './body-reader.js';

export type HttpHeaders = readonly (readonly [name: string, value: string])[];

/** A long body that is read piece by piece, as the client takes it. */
export interface BodySource {
  /** More than 16 KiB. */
  readonly byteLength: number;
  /** Exactly these bytes, which stay as they are until the next call. Rejects: the connection is cut. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** One HTTP answer. */
export interface HttpAnswer {
  readonly status: HttpStatus;
  readonly headers: HttpHeaders;
  readonly body: Uint8Array | string | BodySource;
  /** HEAD, or 304: only how long the body would be. */
  readonly isBodyLeftOut?: boolean;
}

export interface StreamOptions {
  readonly status: HttpStatus;
  readonly headers: HttpHeaders;
  /** Bytes without a meaning, a comment for instance: sent every few seconds, so that the connection stays open. */
  readonly filler: string;
  /** Bytes that may wait for the client. With more it is a slow reader, and its connection is cut. */
  readonly maxUnsentBytes: number;
}

/** An answer of unknown length. `gone` of the exchange aborts when the route, the client or the router ends it. */
export interface HttpStream {
  readonly unsentBytes: number;
  /** False: the stream has ended, also when these bytes were too many. */
  write(bytes: string): boolean;
  /** Closes the connection behind what was written, without a mark of the end. Idempotent. */
  end(): void;
}

/**
 * One HTTP request and its answer. The answer closes the connection: another request that arrives before it ends the
 * connection at once, so that answers never queue. Without an answer the exchange lasts until the client leaves, so a
 * route bounds the time itself.
 */
export interface HttpExchange {
  /** Method as the client sent it, such as `POST`. One of the route's methods. */
  readonly method: string;
  /** Path as the client sent it, neither decoded nor normalized, without the query. Bytes that are not UTF-8 are U+FFFD. */
  readonly path: string;
  /** Query as the client sent it, without the question mark. Bytes that are not UTF-8 are U+FFFD. */
  readonly query: string;
  /** Empty: the client is no browser, or the page is of the same origin. */
  readonly origin: string;
  /** Pages of this origin may use the listener (`allowedOrigins`). */
  readonly isAllowedOrigin: boolean;
  /** The client's address, behind trusted proxies the one that they forward. */
  readonly remoteAddress: string;
  /** Key of all addresses that count as one: see `limits.ipv6PrefixBits`. */
  readonly addressKey: string;
  /** TLS as far as this node or a trusted proxy. */
  readonly isSecure: boolean;
  readonly certificate: ClientCertificate | undefined;
  /** All headers by lower-case name. Values of several lines are joined with commas. */
  readonly headers: ReadonlyMap<string, string>;
  /** Empty: there is none. */
  header(name: string): string;
  /**
   * Aborts when the client has gone before it had a whole answer, and when a stream ends. Whatever is answered later is
   * ignored.
   */
  readonly gone: AbortSignal;
  /** Must be called within `handle`, before it waits for anything: the library drops a body that nobody reads. */
  readBody(bounds: BodyBounds): Promise<Uint8Array | BodyFlaw>;
  /**
   * Once; throws the second time. `ended`: the answer has been written, or its client left before that. Called once, in a
   * later turn.
   */
  answer(answer: HttpAnswer, ended?: (isWritten: boolean) => void): void;
  /** Instead of `answer`. */
  stream(options: StreamOptions): HttpStream;
}

/** HTTP requests below a path that a listener answers, beside its WebSockets. */
export interface HttpRoute {
  /** Begins with a slash. */
  readonly path: string;
  /** `prefix`: this path, and all below it. The longest path that matches decides, and an exact one comes first. */
  readonly match: 'exact' | 'prefix';
  /** Requests with another method get 405. HEAD is answered without a body. */
  readonly methods: readonly string[];
  /** Answered also while the node accepts no clients, because it drains or lacks memory. Default: no, 503. */
  readonly isAlwaysOpen?: boolean;
  /** Its requests belong to clients that are counted elsewhere: they take no place of `limits.maxConnections`. */
  readonly isCountedElsewhere?: boolean;
  /** Answers now or later. When it throws or rejects, the client gets 500 and the log the error. */
  handle(exchange: HttpExchange): void | Promise<void>;
}
