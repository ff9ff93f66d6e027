import { setTimeout as pause } from 'node:timers/promises';
import { joinBatch, splitBatch } from '../codec/batch.js';
import type { SerializerId } from '../wamp/payload.js';
import { connectReason } from './connect-errors.js';
import { NotConnectedError } from './errors.js';
import { HttpPoster, type PostAnswer } from './http-post.js';
import type { Link, LinkOptions, LinkReceiver } from './link.js';

/** The transport that a router has opened. */
interface Opened {
  readonly poster: HttpPoster;
  /** Segment of the path. */
  readonly transport: string;
  readonly serializer: SerializerId;
  readonly isBatched: boolean;
}

interface Outgoing {
  readonly message: Uint8Array;
  readonly sent: (() => void) | undefined;
}

const CONTENT_TYPES: Readonly<Record<SerializerId, string>> = {
  json: 'application/json',
  msgpack: 'application/x-msgpack',
  cbor: 'application/cbor',
};
/** A router answers an empty poll sooner: Gantry within 9 s. */
const POLL_MS = 60_000;
const SEND_MS = 30_000;
/** Between an empty answer and the next poll: a server may answer at once. */
const EMPTY_PAUSE_MS = 50;
/** Time for what was sent, and for the end of the transport. */
const LINGER_MS = 2_000;
/** Bytes of messages in one request, where it has more than one. */
const MAX_BATCH_BYTES = 65_536;
const MAX_SENTENCE = 200;
const NOTHING = new Uint8Array();

/** Opens a transport of HTTP long-poll. Errors: NotConnectedError. */
export async function openLongPoll(options: LinkOptions, receiver: LinkReceiver): Promise<Link> {
  const { serializers, timeoutMs, signal } = options;
  const poster = new HttpPoster(options);
  const offer = serializers.flatMap((id) => [`wamp.2.${id}.batched`, `wamp.2.${id}`]);
  const body = Buffer.from(JSON.stringify({ protocols: offer }));
  let answer: PostAnswer;
  try {
    answer = await poster.post('open', { body, contentType: CONTENT_TYPES.json, timeoutMs, signal });
  } catch (error) {
    throw new NotConnectedError(signal?.aborted === true ? 'interrupted' : connectReason(error));
  }
  if (answer.status !== 200) throw new NotConnectedError(refusalOf(answer));
  const { protocol, transport } = readOpened(answer.body);
  const serializer = serializers.find((id) => protocol === `wamp.2.${id}` || protocol === `wamp.2.${id}.batched`);
  if (serializer === undefined || transport === undefined) throw new NotConnectedError(NO_LONG_POLL);
  const isBatched = protocol?.endsWith('.batched') === true;
  return new LongPollLink({ poster, transport, serializer, isBatched }, receiver);
}

const NO_LONG_POLL = 'the server has no HTTP long-poll at this address';

function refusalOf({ status, body }: PostAnswer): string {
  if (status === 404 || status === 405) return `${NO_LONG_POLL} (HTTP ${status})`;
  const [line = ''] = body.toString('utf8').trim().split('\n');
  return `the server answered HTTP ${status}${line === '' ? '' : `: ${line.slice(0, MAX_SENTENCE)}`}`;
}

function readOpened(body: Buffer): { readonly protocol?: string; readonly transport?: string } {
  let opened: unknown;
  try {
    opened = JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return {};
  }
  const { protocol, transport } = { ...(opened as Record<string, unknown> | null) };
  if (typeof protocol !== 'string' || typeof transport !== 'string') return {};
  return /^[A-Za-z0-9_~.-]{1,256}$/.test(transport) ? { protocol, transport } : {};
}

/** Sends one request after the other, so that messages arrive in order, and polls at the same time. */
class LongPollLink implements Link {
  readonly serializer: SerializerId;
  readonly #opened: Opened;
  readonly #receiver: LinkReceiver;
  readonly #queue: Outgoing[] = [];
  /** Ends the requests under way. */
  readonly #end = new AbortController();
  #isSending = false;
  #isPolling = false;
  #isPaused = false;
  #isClosing = false;

  constructor(opened: Opened, receiver: LinkReceiver) {
    this.serializer = opened.serializer;
    this.#opened = opened;
    this.#receiver = receiver;
    // The owner gets the link before its first message.
    setImmediate(() => void this.#poll());
  }

  send(message: Uint8Array, sent?: () => void): void {
    if (this.#isClosing || this.#isOver) {
      sent?.();
      return;
    }
    this.#queue.push({ message, sent });
    void this.#flush();
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosing || this.#isOver) return;
    this.#isClosing = true;
    const linger = setTimeout(() => this.#finish(''), LINGER_MS);
    this.#end.signal.addEventListener('abort', () => clearTimeout(linger));
    void this.#flush();
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    void this.#poll();
  }

  get #isOver(): boolean {
    return this.#end.signal.aborted;
  }

  async #poll(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    while (!this.#isPaused && !this.#isOver) {
      const answer = await this.#post('receive', NOTHING, POLL_MS);
      if (answer === undefined) break;
      if (answer.status === 200 && answer.body.length > 0) this.#receive(answer.body);
      else if (answer.status === 200 || answer.status === 204) await pause(EMPTY_PAUSE_MS);
      else this.#finish(answer.status === 404 ? 'the router has ended the transport' : refusalOf(answer));
    }
    this.#isPolling = false;
  }

  #receive(body: Uint8Array): void {
    const messages = this.#opened.isBatched ? splitBatch(this.serializer, body) : [body];
    if (!(Symbol.iterator in messages)) {
      this.#finish('the router sent what is not a batch');
      return;
    }
    for (const message of messages) if (!this.#isOver) this.#receiver.receive(message);
  }

  async #flush(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#queue.length > 0 && !this.#isOver) {
      const batch = this.#nextBatch();
      const [first] = batch;
      const messages = batch.map(({ message }) => message);
      const body = this.#opened.isBatched ? joinBatch(this.serializer, messages) : (first?.message ?? NOTHING);
      const answer = await this.#post('send', body, SEND_MS);
      // The ABORT because of a message that is too long comes with the next poll.
      if (answer !== undefined && answer.status >= 300 && answer.status !== 413) this.#finish(refusalOf(answer));
      for (const { sent } of batch) sent?.();
    }
    this.#isSending = false;
    if (!this.#isClosing || this.#isOver) return;
    await this.#post('close', NOTHING, LINGER_MS);
    this.#finish('');
  }

  /** The messages of the next request, in order. */
  #nextBatch(): readonly Outgoing[] {
    let count = 0;
    let bytes = 0;
    for (const { message } of this.#queue) {
      bytes += message.length;
      if (count > 0 && (!this.#opened.isBatched || bytes > MAX_BATCH_BYTES)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** Undefined: there was no answer, and the link is over. */
  async #post(operation: string, body: Uint8Array, timeoutMs: number): Promise<PostAnswer | undefined> {
    const { poster, transport } = this.#opened;
    const { signal } = this.#end;
    try {
      const contentType = CONTENT_TYPES[this.serializer];
      return await poster.post(`${transport}/${operation}`, { body, contentType, timeoutMs, signal });
    } catch (error) {
      this.#finish(connectReason(error));
      return undefined;
    }
  }

  #finish(reason: string): void {
    if (this.#isOver) return;
    this.#end.abort();
    for (const { sent } of this.#queue.splice(0)) sent?.();
    this.#receiver.closed(reason);
  }
}
