import type { Answers, Backplane, UnansweredCause } from '../../backplane/backplane.js';
import type { CloseOutcome, PollHome, SendOutcome } from '../../transport/longpoll/poll-home.js';
import type { PollDelivery, Poll, PollAnswer } from '../../transport/longpoll/poll-socket.js';
import type { NodeId } from '../../wamp/ids.js';
import {
  CLOSE,
  OVERLONG,
  PART_BYTES,
  readOutcome,
  readReceiveAnswer,
  RECEIVE,
  SEND,
  SETTLE,
} from './poll-relay-wire.js';

export interface PollRelayOptions {
  readonly backplane: Pick<Backplane, 'askNode' | 'isIsolated'>;
  readonly receiveTimeoutMs: number;
}

type Outcome = { readonly body: unknown } | { readonly why: UnansweredCause };

/** The home answers a poll after `receiveTimeoutMs` at the latest; an answer that takes this much longer is lost. */
const GRACE_MS = 2_000;
const SEND_TIMEOUT_MS = 8_000;
/** A poll that could not be passed on is answered no sooner, so that its client does not ask in a loop. */
const RETRY_MS = 1_000;

/** Passes requests of long-poll on to the nodes that have their transports (LP-8). */
export class PollRelay {
  readonly #options: PollRelayOptions;
  #lastTicket = 0;

  constructor(options: PollRelayOptions) {
    this.#options = options;
  }

  homeOf(node: NodeId): PollHome {
    return {
      receive: (secret, poll) => this.#receive(node, secret, poll),
      send: (secret, body) => this.#send(node, secret, body),
      overlong: (secret) => void this.#ask(node, OVERLONG, [secret], SEND_TIMEOUT_MS),
      close: (secret) => this.#close(node, secret),
    };
  }

  #receive(home: NodeId, secret: string, poll: Poll): () => void {
    const ticket = ++this.#lastTicket;
    let isOpen = true;
    const settle = (delivery: PollDelivery): void => this.#settle(home, secret, ticket, delivery === 'written');
    const answer = (what: PollAnswer): void => {
      if (isOpen) poll(what);
      isOpen = false;
    };
    void this.#ask(home, RECEIVE, [secret, ticket], this.#options.receiveTimeoutMs + GRACE_MS).then((outcome) => {
      const read = 'body' in outcome ? readReceiveAnswer(outcome.body) : undefined;
      if (read?.kind === 'messages' && isOpen) answer({ ...read, settle });
      else if (read?.kind === 'none' || read?.kind === 'unknown') answer({ kind: read.kind });
      else {
        // The home may have answered: it takes the messages back.
        settle('unwritten');
        if ('why' in outcome && (outcome.why === 'gone' || outcome.why === 'unsupported')) answer({ kind: 'unknown' });
        else setTimeout(() => answer({ kind: this.#options.backplane.isIsolated ? 'unknown' : 'none' }), RETRY_MS);
      }
    });
    return () => {
      if (isOpen) settle('unwritten');
      isOpen = false;
    };
  }

  #settle(home: NodeId, secret: string, ticket: number, isWritten: boolean): void {
    void this.#ask(home, SETTLE, [secret, ticket, isWritten], SEND_TIMEOUT_MS);
  }

  /** Sends one part after the other: a home that does not know the transport receives no more than the first. */
  async #send(home: NodeId, secret: string, body: Uint8Array): Promise<SendOutcome> {
    const ticket = ++this.#lastTicket;
    for (let offset = 0; ; offset += PART_BYTES) {
      const isLast = offset + PART_BYTES >= body.length;
      const part = body.subarray(offset, offset + PART_BYTES);
      const outcome = outcomeOf(await this.#ask(home, SEND, [secret, ticket, offset, isLast, part], SEND_TIMEOUT_MS));
      if (isLast || outcome !== 'taken') return outcome;
    }
  }

  async #close(home: NodeId, secret: string): Promise<CloseOutcome> {
    const outcome = outcomeOf(await this.#ask(home, CLOSE, [secret], SEND_TIMEOUT_MS));
    return outcome === 'too_large' ? 'unreachable' : outcome;
  }

  async #ask(home: NodeId, subject: string, body: unknown, timeoutMs: number): Promise<Outcome> {
    let answers: Answers;
    try {
      answers = await this.#options.backplane.askNode(home, subject, body, { timeoutMs });
    } catch {
      return { why: 'unreachable' };
    }
    const [answer] = answers.answers;
    return answer ?? { why: answers.unanswered[0]?.why ?? 'unreachable' };
  }
}

function outcomeOf(outcome: Outcome): SendOutcome {
  if ('body' in outcome) return readOutcome(outcome.body) ?? 'unreachable';
  return outcome.why === 'gone' || outcome.why === 'unsupported' ? 'unknown' : 'unreachable';
}
