import { isFault } from '../../wamp/faults.js';
import { authidOf, DENIED, granted, isEqual, sha256, type Principals } from './credentials.js';
import type { AuthMethod } from './method.js';

export interface TicketCredential {
  /** SHA-256 of the ticket's UTF-8 text. The ticket itself is not kept. */
  readonly ticketSha256: Uint8Array;
}

const NO_TICKET = new Uint8Array(32);

/** Ticket authentication (rules 8.3): the client sends a secret as it is, so the transport should be TLS. */
export function createTicket(principals: Principals<TicketCredential>): AuthMethod {
  return {
    name: 'ticket',
    begin({ details }) {
      const authid = authidOf(details, 'ticket');
      if (isFault(authid)) return { kind: 'refused', fault: authid };
      const entry = principals.get(authid);
      return {
        kind: 'challenge',
        extra: {},
        answer(ticket) {
          const isRight = isEqual(sha256(ticket), entry?.credential.ticketSha256 ?? NO_TICKET);
          return isRight && entry !== undefined ? granted(entry.principal) : DENIED;
        },
      };
    },
  };
}
