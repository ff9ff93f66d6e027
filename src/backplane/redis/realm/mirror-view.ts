import type { Registration } from '../../../routing/ports.js';
import type { SessionId } from '../../../wamp/ids.js';
import type { Member } from './rows.js';

/** The mirror of a realm, as the desired rows of this node see it. */
export interface MirrorView {
  /** Version that the mirror has applied. */
  readonly version: number;
  /** Since when the cluster wants the topic. */
  createdMs(member: Member): number | undefined;
  registrationOf(member: Member): Registration | undefined;
  /** Does the mirror have this callee of this node? */
  isPlaced(member: Member, session: SessionId): boolean;
  /** Removes a callee of this node that the store has not accepted again. */
  removeOwn(member: Member, session: SessionId): void;
}
