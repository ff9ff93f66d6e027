import { Deferred } from '../util/deferred.js';
import type { NodeId, Uri } from '../wamp/ids.js';
import { Answering } from './answering.js';
import {
  BackplaneUnavailableError,
  MessageTooLargeError,
  type Answers,
  type BackplaneEvents,
  type UnansweredCause,
} from './backplane.js';
import { pack } from './packr.js';
import {
  joinParts,
  MAX_BODY_BYTES,
  maxAnswerBytes,
  NO_REALM,
  readAnswerBody,
  type Answer,
  type Question,
} from './question.js';

export interface QuestionsOptions {
  readonly node: NodeId;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** The way to other nodes. False: it was not sent, because the node cannot be reached now. */
  readonly send: (to: NodeId, item: Question | Answer) => boolean;
  /** This node serves the realm. */
  readonly serves: (realm: Uri) => boolean;
  readonly counts?: QuestionCounts;
}

export interface QuestionCounts {
  /** The outcome for one node that was asked. */
  fate(fate: QuestionFate): void;
  /** A question or an answer that this node did not use. */
  ignored(cause: 'unsupported' | 'malformed' | 'unexpected'): void;
}

export type QuestionFate = 'answered' | UnansweredCause;

/** Questions of this node to the nodes of realms that wait for answers, at most. */
const MAX_OPEN = 256;
/** Open questions to one node: each long-poll client of another node may have one that waits. */
const MAX_OPEN_TO_NODES = 65_536;
/** Bytes of parts of answers that this node keeps, for all its questions, until the last part arrives. */
const MAX_KEPT_BYTES = 33_554_432;
const MAX_SUBJECT_LENGTH = 255;
const NO_COUNTS: QuestionCounts = { fate: () => undefined, ignored: () => undefined };

interface Open {
  readonly question: Question;
  /** The nodes that have not answered, each with the parts that have arrived. */
  readonly waitingFor: Map<NodeId, Uint8Array[]>;
  readonly answers: Answers['answers'][number][];
  readonly unanswered: Answers['unanswered'][number][];
  readonly done: Deferred<Answers>;
  cancelTimeout: () => void;
}

/** Asks the nodes of a realm, collects their answers, and answers the questions of others. Both backplanes use it. */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #counts: QuestionCounts;
  readonly #answering: Answering;
  readonly #open = new Map<number, Open>();
  #openToNodes = 0;
  #keptBytes = 0;
  #lastNumber = 0;
  #isStopped = false;

  constructor(options: QuestionsOptions) {
    this.#options = options;
    this.#counts = options.counts ?? NO_COUNTS;
    this.#answering = new Answering(options.after, options.serves);
  }

  connect(events: BackplaneEvents): void {
    this.#answering.connect(events);
  }

  /** `nodes`: those that serve the realm, this one included if it does. See `Backplane.ask`. */
  ask(nodes: readonly NodeId[], realm: Uri, subject: string, body: unknown, timeoutMs: number): Promise<Answers> {
    const question = this.#questionOf(realm, subject, body);
    if (question instanceof Error) return Promise.reject(question);
    const open: Open = {
      question,
      waitingFor: new Map(nodes.map((node) => [node, []])),
      answers: [],
      unanswered: [],
      done: new Deferred(),
      cancelTimeout: this.#options.after(timeoutMs, () => this.#endAll(open, () => 'timeout')),
    };
    this.#open.set(question.number, open);
    if (realm === NO_REALM) this.#openToNodes++;
    for (const node of nodes) if (!this.#send(node, question)) this.#end(open, node, 'unreachable');
    if (nodes.length === 0) this.#finish(open);
    return open.done.promise;
  }

  /** Asks one other node. `isMember`: it is in the cluster. See `Backplane.askNode`. */
  askNode(node: NodeId, isMember: boolean, subject: string, body: unknown, timeoutMs: number): Promise<Answers> {
    if (isMember) return this.ask([node], NO_REALM, subject, body, timeoutMs);
    return Promise.resolve({ answers: [], unanswered: [{ node, why: 'gone' }] });
  }

  /** A question or an answer of another node. */
  receive(from: NodeId, item: Question | Answer): void {
    if (item.kind === 'answer') this.#answered(from, item);
    else this.#answer(from, item, (answer) => this.#isStopped || this.#options.send(from, answer));
  }

  /** The node is dead or has left: no question waits for it any more. */
  nodeGone(node: NodeId): void {
    for (const open of [...this.#open.values()]) this.#end(open, node, 'gone');
  }

  /** This node has lost the others: no question waits for them any more. */
  cutOff(): void {
    for (const open of [...this.#open.values()])
      this.#endAll(open, (node) => (node === this.#options.node ? undefined : 'unreachable'));
  }

  /** Rejects every question that waits. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    for (const open of [...this.#open.values()]) {
      open.cancelTimeout();
      open.done.reject(new BackplaneUnavailableError(`ask ${open.question.subject}: this node leaves the cluster`));
    }
    this.#open.clear();
    this.#openToNodes = 0;
  }

  #questionOf(realm: Uri, subject: string, body: unknown): Question | Error {
    if (this.#isStopped) return new BackplaneUnavailableError(`ask ${subject}`);
    const [count, max] =
      realm === NO_REALM ? [this.#openToNodes, MAX_OPEN_TO_NODES] : [this.#open.size - this.#openToNodes, MAX_OPEN];
    if (count >= max) return new BackplaneUnavailableError(`ask ${subject}: ${max} questions wait for answers`);
    const packed = pack(body);
    if (!(packed instanceof Uint8Array)) return new TypeError(`ask ${subject}: ${packed.message}`);
    if (packed.length > MAX_BODY_BYTES || subject.length > MAX_SUBJECT_LENGTH) return new MessageTooLargeError();
    return { kind: 'question', realm, number: ++this.#lastNumber, subject, body: packed };
  }

  #send(to: NodeId, question: Question): boolean {
    const { node, send } = this.#options;
    if (to !== node) return send(to, question);
    this.#answer(node, question, (answer) => {
      if (this.#open.has(question.number)) this.#answered(node, answer);
      return true;
    });
    return true;
  }

  #answer(from: NodeId, question: Question, reply: (answer: Answer) => boolean): void {
    const flaw = this.#answering.answer(from, question, reply);
    if (flaw !== undefined) this.#counts.ignored(flaw);
  }

  #answered(from: NodeId, { realm, number, hasMore, body }: Answer): void {
    const open = this.#open.get(number);
    const parts = open?.question.realm === realm ? open.waitingFor.get(from) : undefined;
    if (open === undefined || parts === undefined) {
      this.#counts.ignored('unexpected');
      return;
    }
    const read = readAnswerBody(body);
    if (read.kind === 'none') this.#end(open, from, read.why);
    else if (read.kind === 'value' && !hasMore && parts.length === 0) this.#end(open, from, 'answered', read.value);
    else if (read.kind !== 'part') this.#endMalformed(open, from);
    else if (!this.#keep(realm, parts, read.bytes)) this.#end(open, from, 'failed');
    else if (!hasMore) this.#endParts(open, from, parts);
  }

  /** False: the answer is too large, or too many parts wait already. */
  #keep(realm: Uri, parts: Uint8Array[], bytes: Uint8Array): boolean {
    const length = parts.reduce((sum, part) => sum + part.length, bytes.length);
    if (bytes.length === 0 || length > maxAnswerBytes(realm) || this.#keptBytes + bytes.length > MAX_KEPT_BYTES)
      return false;
    this.#keptBytes += bytes.length;
    parts.push(bytes);
    return true;
  }

  #endParts(open: Open, from: NodeId, parts: readonly Uint8Array[]): void {
    const joined = joinParts(parts);
    if (joined === undefined) this.#endMalformed(open, from);
    else this.#end(open, from, 'answered', joined.value);
  }

  #endMalformed(open: Open, from: NodeId): void {
    this.#counts.ignored('malformed');
    this.#end(open, from, 'failed');
  }

  #endAll(open: Open, whyOf: (node: NodeId) => UnansweredCause | undefined): void {
    for (const node of [...open.waitingFor.keys()]) {
      const why = whyOf(node);
      if (why !== undefined) this.#end(open, node, why);
    }
  }

  #end(open: Open, node: NodeId, fate: QuestionFate, body?: unknown): void {
    const parts = open.waitingFor.get(node);
    if (parts === undefined) return;
    open.waitingFor.delete(node);
    for (const { length } of parts) this.#keptBytes -= length;
    this.#counts.fate(fate);
    if (fate === 'answered') open.answers.push({ node, body });
    else open.unanswered.push({ node, why: fate });
    if (open.waitingFor.size === 0) this.#finish(open);
  }

  #finish({ question, answers, unanswered, done, cancelTimeout }: Open): void {
    this.#open.delete(question.number);
    if (question.realm === NO_REALM) this.#openToNodes--;
    cancelTimeout();
    done.resolve({ answers, unanswered });
  }
}
