import type { SendOutcome } from '../../transport/longpoll/poll-home.js';
import type { PollServer } from '../../transport/longpoll/poll-server.js';
import type { PollDelivery, PollAnswer } from '../../transport/longpoll/poll-socket.js';
import type { NodeId } from '../../wamp/ids.js';
import {
  CLOSE,
  OVERLONG,
  readPart,
  readReceive,
  readSecret,
  readSettle,
  RECEIVE,
  SEND,
  SETTLE,
  type Part,
} from './poll-relay-wire.js';

/** A poll of a client at another node. */
interface RelayedPoll {
  /** Takes the poll away while it waits. */
  leave: () => void;
  /** Its answer is on the way. */
  settle: ((delivery: PollDelivery) => void) | undefined;
  timer: NodeJS.Timeout | undefined;
  readonly answer: (body: unknown) => void;
}

interface Partial {
  readonly parts: Uint8Array[];
  bytes: number;
  readonly timer: NodeJS.Timeout;
}

/** The other node reports within this time whether the client has the messages. Without a report the transport ends. */
const SETTLE_MS = 5_000;
/** Time for all parts of a body. */
const PARTS_MS = 30_000;
const MAX_PARTIAL_BODIES = 1_024;
/** Bytes of all bodies that are not complete: a part that would exceed them is refused, and its client gets HTTP 503. */
const MAX_PARTIAL_BYTES = 64 * 2 ** 20;
/** Bytes of one answer to another node: a message that has more ends the transport. */
const MAX_ANSWER_BYTES = 15 * 2 ** 20;
const NOTHING: readonly unknown[] = [];
const UNKNOWN: readonly unknown[] = [null];
const DONE = Promise.resolve(null);

/** Answers requests of long-poll that arrived at other nodes, for the transports of this node. */
export class PollRelayAnswers {
  readonly #server: PollServer;
  readonly #maxBodyBytes: number;
  /** Open polls, by node and ticket. */
  readonly #polls = new Map<string, RelayedPoll>();
  readonly #partials = new Map<string, Partial>();
  #partialBytes = 0;

  constructor(server: PollServer, maxBodyBytes: number) {
    this.#server = server;
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Undefined: not a question of long-poll. */
  answer(from: NodeId, subject: string, body: unknown): Promise<unknown> | undefined {
    switch (subject) {
      case RECEIVE:
        return this.#receive(from, body);
      case SETTLE:
        return this.#settle(from, body);
      case SEND:
        return Promise.resolve(this.#send(from, body));
      case OVERLONG:
        this.#server.overlong(readSecret(body));
        return DONE;
      case CLOSE:
        return Promise.resolve(this.#server.close(readSecret(body)));
      default:
        return undefined;
    }
  }

  #receive(from: NodeId, body: unknown): Promise<unknown> {
    const read = readReceive(body);
    if (read === undefined) return Promise.resolve(UNKNOWN);
    const key = keyOf(from, read.ticket);
    return new Promise((resolve) => {
      const poll: RelayedPoll = { leave: () => undefined, settle: undefined, timer: undefined, answer: resolve };
      this.#polls.set(key, poll);
      poll.leave = this.#server.receive(read.secret, (answer) => this.#answered(key, poll, answer));
    });
  }

  #answered(key: string, poll: RelayedPoll, answer: PollAnswer): void {
    if (answer.kind !== 'messages') {
      this.#polls.delete(key);
      poll.answer(answer.kind === 'none' ? NOTHING : UNKNOWN);
      return;
    }
    const { serializer, bytes, settle } = answer;
    poll.settle = settle;
    poll.timer = setTimeout(() => this.#end(key, poll, 'doubt'), SETTLE_MS);
    if (bytes.length <= MAX_ANSWER_BYTES) poll.answer([serializer, bytes]);
    else {
      poll.answer(UNKNOWN);
      setImmediate(() => this.#end(key, poll, 'doubt'));
    }
  }

  #settle(from: NodeId, body: unknown): Promise<null> {
    const read = readSettle(body);
    const key = read === undefined ? '' : keyOf(from, read.ticket);
    const poll = this.#polls.get(key);
    if (read === undefined || poll === undefined) return DONE;
    if (poll.settle !== undefined) this.#end(key, poll, read.isWritten ? 'written' : 'unwritten');
    else if (!read.isWritten) {
      poll.leave();
      this.#polls.delete(key);
      poll.answer(NOTHING);
    }
    return DONE;
  }

  #end(key: string, poll: RelayedPoll, delivery: PollDelivery): void {
    clearTimeout(poll.timer);
    if (this.#polls.delete(key)) poll.settle?.(delivery);
  }

  #send(from: NodeId, body: unknown): SendOutcome {
    const part = readPart(body);
    if (part === undefined || !this.#server.has(part.secret)) return 'unknown';
    if (part.offset === 0 && part.isLast) return this.#server.send(part.secret, part.bytes);
    const key = keyOf(from, part.ticket);
    const partial = this.#partials.get(key) ?? this.#begin(key, part);
    if (partial === undefined || partial.bytes !== part.offset) return 'unreachable';
    if (partial.bytes + part.bytes.length > this.#maxBodyBytes) {
      this.#drop(key);
      return 'too_large';
    }
    if (this.#partialBytes + part.bytes.length > MAX_PARTIAL_BYTES) {
      this.#drop(key);
      return 'unreachable';
    }
    partial.bytes += part.bytes.length;
    this.#partialBytes += part.bytes.length;
    partial.parts.push(part.bytes);
    if (!part.isLast) return 'taken';
    this.#drop(key);
    return this.#server.send(part.secret, Buffer.concat(partial.parts));
  }

  #begin(key: string, { offset }: Part): Partial | undefined {
    if (offset !== 0 || this.#partials.size >= MAX_PARTIAL_BODIES) return undefined;
    const partial = { parts: [], bytes: 0, timer: setTimeout(() => this.#drop(key), PARTS_MS) };
    this.#partials.set(key, partial);
    return partial;
  }

  #drop(key: string): void {
    const partial = this.#partials.get(key);
    if (partial === undefined) return;
    clearTimeout(partial.timer);
    this.#partialBytes -= partial.bytes;
    this.#partials.delete(key);
  }
}

function keyOf(from: NodeId, ticket: number): string {
  return `${from} ${ticket}`;
}
