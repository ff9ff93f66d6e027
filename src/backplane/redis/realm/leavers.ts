import type { SessionId } from '../../../wamp/ids.js';
import type { Member } from './rows.js';

/**
 * The sessions that were the last to want topics which this node wants no more, until the store has carried out that end. A write
 * that fails leaves it to the next repair, and the other nodes still receive the session (UMA-1).
 */
export class Leavers {
  readonly #sessions = new Map<Member, SessionId>();

  set(member: Member, leaver: SessionId): void {
    this.#sessions.set(member, leaver);
  }

  /** The topic is wanted again. */
  delete(member: Member): void {
    this.#sessions.delete(member);
  }

  /** Those of these topics, as they are now. Given to `written`, they are forgotten unless another session has left meanwhile. */
  of(members: readonly Member[]): ReadonlyMap<Member, SessionId> {
    const sessions = new Map<Member, SessionId>();
    for (const member of members) {
      const session = this.#sessions.get(member);
      if (session !== undefined) sessions.set(member, session);
    }
    return sessions;
  }

  written(leavers: ReadonlyMap<Member, SessionId>): void {
    for (const [member, session] of leavers) if (this.#sessions.get(member) === session) this.#sessions.delete(member);
  }

  /** Forgets the topics that the store does not have for this node: their end is carried out. */
  keepOnly(stored: ReadonlySet<Member>): void {
    for (const member of this.#sessions.keys()) if (!stored.has(member)) this.#sessions.delete(member);
  }

  clear(): void {
    this.#sessions.clear();
  }
}
