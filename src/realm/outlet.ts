import {
  BackplaneUnavailableError,
  MessageTooLargeError,
  UNREACHABLE_NOW,
  type Backplane,
} from '../backplane/backplane.js';
import type { Frame } from '../routing/frames.js';
import type { Claim, ClaimOutcome, Outlet, Publication, Subscription } from '../routing/ports.js';
import type { CallOutcome, RoutingDiscard } from '../routing/outcomes.js';
import type { Session } from '../session/ports.js';
import { observe, type Counters, type EventDrop } from '../telemetry/counters.js';
import { fault, type Fault } from '../wamp/faults.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../wamp/ids.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { MatchPolicy } from '../wamp/options.js';
import { ErrorUri } from '../wamp/uris.js';
import { DelayedUnwatches } from './delayed-unwatches.js';
import type { Delivery } from './delivery.js';
import type { EventKeeper } from './kept/event-keeper.js';
import { tooLargeFailure, unreachableFailure } from './unreachable.js';

export interface RealmOutletOptions {
  readonly realm: Uri;
  readonly backplane: Backplane;
  readonly delivery: Delivery;
  readonly keeper: EventKeeper;
  readonly counters: Counters;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Receives the frames that this node sends to itself: a direct call into the dealer (D3). */
  readonly receiveLocally: (frame: Frame) => void;
  /** A background request to the backplane failed, and no peer waits for its result. */
  readonly onLostRequest: (operation: string, cause: unknown) => void;
}

/** Every store carries messages up to this size, so that the outlet need not ask. */
const ALWAYS_CARRIED_BYTES = 65_536;

/** The only place where routing meets the outside: sessions of this node, other nodes, time. */
export class RealmOutlet implements Outlet<Session> {
  readonly #options: RealmOutletOptions;
  readonly #realm: Uri;
  readonly #backplane: Backplane;
  readonly #node: NodeId;
  readonly after: RealmOutletOptions['after'];
  readonly #unwatches: DelayedUnwatches;
  #unwaited: { readonly accepted: Promise<void>; count: number } | undefined;

  constructor(options: RealmOutletOptions) {
    this.#options = options;
    this.#realm = options.realm;
    this.#backplane = options.backplane;
    this.#node = options.backplane.node;
    this.after = options.after;
    this.#unwatches = new DelayedUnwatches(({ topic, match, leaver }) =>
      this.#backplane.bus.unwatch(this.#realm, topic, match, leaver),
    );
  }

  get isIsolated(): boolean {
    return this.#backplane.isIsolated;
  }

  send(to: Session, message: RouterMessage): Fault | undefined {
    return to.send(message);
  }

  deliver(publication: Publication, subscription: Subscription<Session>): void {
    this.#options.delivery.deliver(publication, subscription);
  }

  publish(publication: Publication, settled?: (refusal?: Fault) => void): void {
    const accepted = this.#backplane.bus.publish(this.#realm, publication);
    if (accepted === undefined) settled?.();
    else if (settled === undefined) this.#countRefusal(accepted);
    else
      accepted.then(
        () => settled(),
        (cause: unknown) => {
          this.#options.counters.eventsDropped[dropOf(cause)]++;
          settled(refusal(cause));
        },
      );
  }

  sendFrame(node: NodeId, frame: Frame): void {
    if (node === this.#node) this.#options.receiveLocally(frame);
    else if ('payload' in frame && frame.payload.bytes.length > ALWAYS_CARRIED_BYTES && !this.#carries(frame))
      this.#replaceTooLarge(node, frame);
    else if (!this.#backplane.bus.send(node, this.#realm, frame)) this.#answerFor(frame);
  }

  watch(topic: Uri, match: MatchPolicy, settled: (refusal?: Fault) => void): void {
    // The backplane has not been asked to end it.
    this.#unwatches.cancel(topic, match);
    const watching = this.#backplane.bus.watch(this.#realm, topic, match);
    if (watching === undefined) settled();
    else
      watching.then(
        () => settled(),
        (cause: unknown) => settled(refusal(cause)),
      );
  }

  unwatch(topic: Uri, match: MatchPolicy, leaver?: SessionId): void {
    this.#unwatches.add({ topic, match, leaver });
  }

  /** Unwatches that follow wait until the returned function is called. */
  holdUnwatches(): () => void {
    return this.#unwatches.hold();
  }

  retain(publication: Publication, settled: (refusal?: Fault) => void): void {
    this.#options.keeper.retain(publication, settled);
  }

  record(publication: Publication, settled: (refusal?: Fault) => void): void {
    this.#options.keeper.record(publication, settled);
  }

  findRetained(
    topic: Uri,
    match: MatchPolicy,
    receiver: Session,
    found: (event: Publication | Fault | undefined) => void,
  ): void {
    this.#options.keeper.findRetained({ topic, match, receiver, found });
  }

  claim(claim: Claim, decided: (outcome: ClaimOutcome) => void): void {
    this.#backplane.directory
      .claim(this.#realm, claim)
      .then(decided, (cause: unknown) => decided({ kind: 'failed', fault: refusal(cause) }));
  }

  release(registration: RegistrationId, callee: SessionId): void {
    this.#backplane.directory
      .release(this.#realm, registration, callee)
      .catch((cause: unknown) => this.#options.onLostRequest('release of a registration', cause));
  }

  count(what: RoutingDiscard): void {
    this.#options.counters.routing[what]++;
  }

  callEnded(outcome: CallOutcome, elapsedMs: number): void {
    this.#options.counters.calls[outcome]++;
    observe(this.#options.counters.callLatency, elapsedMs);
  }

  #carries({ payload }: Extract<Frame, { payload: unknown }>): boolean {
    return this.#backplane.bus.carries(payload.bytes.length);
  }

  /**
   * The peer that waits for the frame gets an ERROR that gives the reason; the rest of the lane is not in doubt (G3).
   */
  #replaceTooLarge(node: NodeId, frame: Frame): void {
    const answer = tooLargeFailure(frame);
    if (answer === undefined) return;
    if (frame.kind === 'continue') this.sendFrame(node, { kind: 'cancel', call: frame.call, mode: 'killnowait' });
    const isForHere = answer.call.node === this.#node;
    if (isForHere) this.#options.receiveLocally(answer);
    else if (!this.#backplane.bus.send(node, this.#realm, answer)) this.#answerFor(answer);
  }

  #answerFor(frame: Frame): void {
    const answer = unreachableFailure(frame);
    if (answer !== undefined) this.#options.receiveLocally(answer);
  }

  /** Publications of one turn share a promise: one handler on it serves all publications that no peer waits for. */
  #countRefusal(accepted: Promise<void>): void {
    if (accepted === this.#unwaited?.accepted) {
      this.#unwaited.count++;
      return;
    }
    const unwaited = { accepted, count: 1 };
    this.#unwaited = unwaited;
    const forget = (): void => {
      if (this.#unwaited === unwaited) this.#unwaited = undefined;
    };
    accepted.then(forget, (cause: unknown) => {
      forget();
      this.#options.counters.eventsDropped[dropOf(cause)] += unwaited.count;
      refusal(cause);
    });
  }
}

function dropOf(cause: unknown): EventDrop {
  return cause instanceof MessageTooLargeError ? 'too_large' : 'node_unreachable';
}

function refusal(cause: unknown): Fault {
  if (cause instanceof MessageTooLargeError) return fault(ErrorUri.LIMIT_EXCEEDED, cause.message);
  if (cause instanceof BackplaneUnavailableError) return fault(ErrorUri.NETWORK_FAILURE, UNREACHABLE_NOW);
  throw cause;
}
