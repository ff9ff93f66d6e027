import { setTimeout as delay } from 'node:timers/promises';
import type { Codec } from '../codec/codec.js';
import { payloadElements } from '../codec/payload-values.js';
import { payloadOf } from '../codec/payload.js';
import { GET_EVENTS } from '../realm/kept/history-query.js';
import type { SessionRealm } from '../session/ports.js';
import type { Counters } from '../telemetry/counters.js';
import type { HttpStream } from '../transport/http/exchange.js';
import { Deferred } from '../util/deferred.js';
import { isDict } from '../wamp/dict.js';
import { Code } from '../wamp/codes.js';
import { isFault } from '../wamp/faults.js';
import type { RequestId, Uri } from '../wamp/ids.js';
import type { Result, RouterError, RouterMessage, Subscribed } from '../wamp/messages.js';
import type { Dict, List } from '../wamp/options.js';
import { ErrorUri } from '../wamp/uris.js';
import type { HttpSession, SessionOwner } from './http-session.js';
import { jsonPayload, jsonBytes } from './json.js';

/** Events in one answer of the history. */
const PAGE_EVENTS = 100;
/** Publications that may still arrive live after the history had them. */
const MAX_KNOWN = 4_096;
const DRAIN_MS = 20;
const CALL_OPTIONS = { timeoutMs: 0, receiveProgress: false, progress: false, discloseMe: false };

export interface EventStreamOptions {
  readonly realm: SessionRealm;
  readonly codec: Codec;
  readonly counters: Counters;
  /** Bytes of events that may wait, for the client or for the end of the replay. */
  readonly maxUnsentBytes: number;
}

interface Waiting {
  readonly id: number;
  readonly text: string;
}

/**
 * The events of one subscription as server-sent events. Live ones wait until those that the client has missed are out, so
 * none is missing in between; one that the history had is not sent again.
 */
export class EventStream implements SessionOwner {
  /** SUBSCRIBED, or the reason why there is no subscription. A text: the router has ended the session. */
  readonly subscribed = new Deferred<Subscribed | RouterError | string>();
  readonly #options: EventStreamOptions;
  #stream: HttpStream | undefined;
  /** Undefined: events go out at once. */
  #waiting: Waiting[] | undefined = [];
  #waitingBytes = 0;
  readonly #known = new Set<number>();
  #answer: Deferred<Result | RouterError | undefined> | undefined;
  #request = 1;
  #isOver = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  received(message: RouterMessage): void {
    if (message[0] === Code.EVENT) this.#event(message[2], jsonPayload(message[4]));
    else if (message[0] === Code.SUBSCRIBED) this.subscribed.resolve(message);
    else if (message[0] === Code.RESULT) this.#answer?.resolve(message);
    else if (message[0] === Code.ERROR && message[1] === Code.SUBSCRIBE) this.subscribed.resolve(message);
    else if (message[0] === Code.ERROR) this.#answer?.resolve(message);
  }

  event(message: Uint8Array): void {
    const decoded = this.#options.codec.decode(message);
    if (isFault(decoded)) return;
    const [, , id, , args, kwargs] = decoded.header;
    this.#event(Number(id), { args, kwargs });
  }

  closed(message: string): void {
    this.subscribed.resolve(message);
    this.over();
    this.#stream?.end();
  }

  /** Nothing is written any more. */
  over(): void {
    this.#isOver = true;
    this.#waiting = undefined;
    this.#answer?.resolve(undefined);
  }

  /** Writes the events from now on. `after`: the last one that the client has; what came behind it is sent first. */
  async begin(
    stream: HttpStream,
    session: HttpSession,
    { topic, after }: { readonly topic: Uri; readonly after: number | undefined },
  ): Promise<void> {
    this.#stream = stream;
    // The router may have ended the session since it was subscribed.
    if (this.#isOver) stream.end();
    if (after !== undefined) await this.#replay(session, topic, after);
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const { id, text } of waiting) if (!this.#known.delete(id)) this.#write(text);
  }

  async #replay(session: HttpSession, topic: Uri, after: number): Promise<void> {
    const history = this.#options.realm.historyWith(topic);
    if (history === undefined) {
      this.#gap(after, ErrorUri.NO_SUCH_SUBSCRIPTION);
      return;
    }
    let last = after;
    for (let isMore = true; isMore && !this.#isOver;) {
      const answer = await this.#ask(session, [history], { topic, after_publication: last, limit: PAGE_EVENTS });
      if (answer === undefined) return;
      if (answer[0] === Code.ERROR) {
        this.#gap(last, answer[4]);
        return;
      }
      const [events, kwargs] = payloadElements(answer[3]) ?? [];
      for (const event of Array.isArray(events) ? (events as List) : []) {
        if (!isDict(event)) continue;
        last = Number(event['publication']);
        this.#remember(last);
        this.#write(textOf(last, { args: event['args'], kwargs: event['kwargs'] }));
      }
      isMore = isDict(kwargs) && kwargs['is_limit_reached'] === true;
      if (isMore) await this.#drained();
    }
  }

  /** The client may have missed events, and has to know that. */
  #gap(after: number, error: Uri): void {
    this.#write(`event: gap\ndata: ${JSON.stringify({ after, error })}\n\n`);
  }

  /**
   * Asks for the next page. The permission to subscribe decides, as for every reader of the history (HIS-5): the session
   * needs none to call.
   */
  #ask(session: HttpSession, args: List, kwargs: Dict): Promise<Result | RouterError | undefined> {
    const answer = new Deferred<Result | RouterError | undefined>();
    this.#answer = answer;
    this.#request++;
    const payload = payloadOf(args, kwargs);
    const request = this.#request as RequestId;
    void this.#options.realm.route(session, [Code.CALL, request, CALL_OPTIONS, GET_EVENTS, payload], false);
    return answer.promise;
  }

  /** A page may be as long as everything that may wait. */
  async #drained(): Promise<void> {
    const bound = this.#options.maxUnsentBytes / 2;
    while (!this.#isOver && (this.#stream?.unsentBytes ?? 0) > bound) await delay(DRAIN_MS);
  }

  #remember(id: number): void {
    this.#known.add(id);
    const [oldest] = this.#known;
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }

  #event(id: number, values: Dict | undefined): void {
    if (this.#isOver || values === undefined || this.#known.delete(id)) return;
    const text = textOf(id, values);
    if (this.#waiting === undefined) {
      this.#write(text);
      return;
    }
    this.#waiting.push({ id, text });
    this.#waitingBytes += text.length;
    if (this.#waitingBytes <= this.#options.maxUnsentBytes) return;
    this.#options.counters.limitsReached.unsent_bytes++;
    this.over();
    this.#stream?.end();
  }

  #write(text: string): void {
    if (!this.#isOver) this.#stream?.write(text);
  }
}

/** One event, with what it has of Arguments and ArgumentsKw. Its JSON has no line ends. */
function textOf(id: number, { args, kwargs }: Dict): string {
  const json = jsonBytes({ ...(args !== undefined && { args }), ...(kwargs !== undefined && { kwargs }) });
  return json === undefined ? '' : `id: ${id}\ndata: ${Buffer.from(json).toString()}\n\n`;
}
