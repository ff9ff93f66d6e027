import type { NodeId, Uri } from '../wamp/ids.js';
import type { BackplaneEvents } from './backplane.js';
import { unpack } from './packr.js';
import { answersOf, answerWithout, NO_REALM, type Answer, type Question } from './question.js';

/** Questions to the nodes of realms that this node is answering, at most. */
const MAX_ANSWERING = 256;
/** Questions to this node alone that it answers at the same time: each may be a poll of a client at another node. */
const MAX_ANSWERING_ALONE = 65_536;
/** An answer that takes longer counts as failed. No question waits that long. */
const ANSWER_LIMIT_MS = 60_000;

/** Passes questions to the events of the node and sends the answers. Checks each body: questions come from other nodes. */
export class Answering {
  readonly #after: (delayMs: number, action: () => void) => () => void;
  readonly #serves: (realm: Uri) => boolean;
  #events: BackplaneEvents | undefined;
  readonly #counts = { realm: 0, node: 0 };

  constructor(after: (delayMs: number, action: () => void) => () => void, serves: (realm: Uri) => boolean) {
    this.#after = after;
    this.#serves = serves;
  }

  connect(events: BackplaneEvents): void {
    this.#events = events;
  }

  /** `reply` receives the answer, in one or several parts; false ends them. Returns why the question was not used. */
  answer(
    from: NodeId,
    question: Question,
    reply: (answer: Answer) => boolean,
  ): 'unsupported' | 'malformed' | undefined {
    const refuse = (why: 'unsupported' | 'failed' | 'gone'): void => void reply(answerWithout(question, why));
    const body = unpack(question.body);
    if (body === undefined) {
      refuse('failed');
      return 'malformed';
    }
    const isToNode = question.realm === NO_REALM;
    const kind = isToNode ? 'node' : 'realm';
    if (!isToNode && !this.#serves(question.realm)) refuse('gone');
    else if (this.#counts[kind] >= (isToNode ? MAX_ANSWERING_ALONE : MAX_ANSWERING)) refuse('failed');
    else {
      const answer = this.#events?.question?.(from, question.realm, question.subject, body);
      if (answer === undefined) {
        refuse('unsupported');
        return 'unsupported';
      }
      this.#await(
        kind,
        answer,
        (value) => void answersOf(question, value).every(reply),
        () => refuse('failed'),
      );
    }
    return undefined;
  }

  #await(
    kind: 'realm' | 'node',
    answer: Promise<unknown>,
    answered: (value: unknown) => void,
    failed: () => void,
  ): void {
    let isOver = false;
    const end = (act: () => void): void => {
      if (isOver) return;
      isOver = true;
      this.#counts[kind]--;
      cancel();
      act();
    };
    this.#counts[kind]++;
    const cancel = this.#after(ANSWER_LIMIT_MS, () => end(failed));
    answer.then(
      (value) => end(() => answered(value)),
      () => end(failed),
    );
  }
}
