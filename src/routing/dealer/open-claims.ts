import type { SessionId, Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { PatternIndex } from '../pattern-index.js';

/** A REGISTER that the cluster has not decided. */
export interface OpenClaim {
  readonly procedure: Uri;
  readonly match: MatchPolicy;
  isDecided: boolean;
}

/** The undecided claims of this node's sessions, by session and by the procedures that they would match. */
export class OpenClaims {
  readonly #bySession = new Map<SessionId, PatternIndex<OpenClaim>>();

  get isEmpty(): boolean {
    return this.#bySession.size === 0;
  }

  /** At most one for each session, procedure and match. */
  open(session: SessionId, procedure: Uri, match: MatchPolicy): void {
    let claims = this.#bySession.get(session);
    if (claims === undefined) this.#bySession.set(session, (claims = new PatternIndex()));
    claims.add(procedure, match, { procedure, match, isDecided: false });
  }

  decide(session: SessionId, procedure: Uri, match: MatchPolicy): void {
    const claims = this.#bySession.get(session);
    const claim = claims?.get(procedure, match);
    if (claims === undefined || claim === undefined) return;
    claim.isDecided = true;
    claims.remove(procedure, match);
    if (claims.size === 0) this.#bySession.delete(session);
  }

  /** The claim of this session that a call of the procedure would go to. */
  best(session: SessionId, procedure: Uri): OpenClaim | undefined {
    return this.#bySession.get(session)?.best(procedure);
  }
}
