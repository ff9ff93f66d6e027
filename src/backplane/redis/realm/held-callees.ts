import type { RegistrationId, SessionId } from '../../../wamp/ids.js';
import type { InvocationPolicy } from '../../../wamp/options.js';
import type { ClaimWrite, Grant } from './writes.js';
import type { CalleeTraits, Member } from './rows.js';

/** A callee with everything that this node writes again if the store loses it. */
export interface HeldCallee extends Grant {
  readonly invoke: InvocationPolicy;
  readonly rest: CalleeTraits;
  readonly digest: string | undefined;
  /** The claim that takes the procedure from others, until they have lost it. Once it is settled, the takeover is certain. */
  readonly takeover: ClaimWrite | undefined;
}

/** The callees that the sessions of this node are in one realm, by procedure. */
export class HeldCallees {
  readonly #byMember = new Map<Member, Map<SessionId, HeldCallee>>();
  readonly #members = new Map<RegistrationId, Member>();

  /** O(all). */
  get all(): (readonly [Member, SessionId, HeldCallee])[] {
    return [...this.#byMember].flatMap(([member, sessions]) =>
      [...sessions].map(([session, held]) => [member, session, held] as const),
    );
  }

  get(member: Member, session: SessionId): HeldCallee | undefined {
    return this.#byMember.get(member)?.get(session);
  }

  memberOf(id: RegistrationId): Member | undefined {
    return this.#members.get(id);
  }

  set(member: Member, session: SessionId, held: HeldCallee): void {
    const sessions = this.#byMember.get(member);
    if (sessions === undefined) this.#byMember.set(member, new Map([[session, held]]));
    else sessions.set(session, held);
    this.#members.set(held.id, member);
  }

  delete(member: Member, session: SessionId): void {
    const sessions = this.#byMember.get(member);
    const held = sessions?.get(session);
    if (sessions === undefined || held === undefined) return;
    sessions.delete(session);
    if (sessions.size > 0) return;
    this.#byMember.delete(member);
    if (this.#members.get(held.id) === member) this.#members.delete(held.id);
  }

  /** The store has removed the callees from which `takeover` takes the procedure. */
  completeTakeover(member: Member, session: SessionId, takeover: ClaimWrite): void {
    const held = this.get(member, session);
    if (held?.takeover === takeover) this.set(member, session, { ...held, takeover: undefined });
  }

  clear(): void {
    this.#byMember.clear();
    this.#members.clear();
  }
}
