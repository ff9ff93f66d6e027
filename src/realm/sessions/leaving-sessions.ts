import type { Broker } from '../../routing/broker/broker.js';
import type { Dealer } from '../../routing/dealer/dealer.js';
import type { Session } from '../../session/ports.js';

/** Subscriptions, registrations, calls or invocations of a session that end in one step. */
const PART_COUNT = 200;

/** Ends what sessions hold when they end: little at once, much in parts, between which others are served (G11, SES-13). */
export class LeavingSessions {
  readonly #broker: Pick<Broker<Session>, 'leavePart'>;
  readonly #dealer: Pick<Dealer<Session>, 'leavePart'>;
  readonly #end: (session: Session, isSilent: boolean) => void;
  readonly #partCount: number;
  /** Sessions that have not ended all, and whether their end is silent. */
  readonly #leaving = new Map<Session, boolean>();

  /** `end` ends the little that the session still holds, and then the session itself. */
  constructor(
    broker: Pick<Broker<Session>, 'leavePart'>,
    dealer: Pick<Dealer<Session>, 'leavePart'>,
    end: (session: Session, isSilent: boolean) => void,
    partCount = PART_COUNT,
  ) {
    this.#broker = broker;
    this.#dealer = dealer;
    this.#end = end;
    this.#partCount = partCount;
  }

  /** Undefined: the session has ended, or is ending. Otherwise each call of the function ends a part; false: the session has ended. */
  begin(session: Session, isSilent: boolean): (() => boolean) | undefined {
    if (this.#leaving.has(session)) return undefined;
    if (this.#endsPart(session)) {
      this.#leaving.set(session, isSilent);
      return () => this.#goOn(session);
    }
    this.#end(session, isSilent);
    return undefined;
  }

  /** The realm ends on this node: all sessions that are leaving end now. */
  close(): void {
    for (const session of [...this.#leaving.keys()]) this.#finish(session);
  }

  #goOn(session: Session): boolean {
    if (this.#leaving.has(session) && this.#endsPart(session)) return true;
    this.#finish(session);
    return false;
  }

  #endsPart(session: Session): boolean {
    // The dealer first: from its first part on no call goes to the session.
    return this.#dealer.leavePart(session, this.#partCount) || this.#broker.leavePart(session, this.#partCount);
  }

  #finish(session: Session): void {
    const isSilent = this.#leaving.get(session);
    if (isSilent === undefined) return;
    this.#leaving.delete(session);
    this.#end(session, isSilent);
  }
}
