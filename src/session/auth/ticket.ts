import { isFault } from '../../wamp/faults.js';
import type { AuthenticatorEntry } from './authenticator.js';
import { authidOf, DENIED, granted, isEqual, sha256, type Principals } from './credentials.js';
import { askAuthenticators } from './dynamic.js';
import type { AuthMethod, AuthRequest, AuthStep } from './method.js';
import { decideByToken, type TokenReader } from './token.js';

export interface TicketCredential {
  /** SHA-256 of the ticket's UTF-8 text. The ticket itself is not kept. */
  readonly ticketSha256: Uint8Array;
}

const NO_TICKET = new Uint8Array(32);

/**
 * Ticket authentication (rules 8.3): the client sends a secret as it is, so the transport should be TLS. Authenticators
 * receive the ticket of a client that is no principal of the configuration, unless it is a token; the client need not send an
 * authid then.
 */
export function createTicket(
  principals: Principals<TicketCredential>,
  authenticators: readonly AuthenticatorEntry[] = [],
  tokens: readonly TokenReader[] = [],
): AuthMethod {
  return {
    name: 'ticket',
    ...(tokens.length === 0 ? undefined : { renew: (token, request) => decideByToken(tokens, token, request) }),
    begin(request) {
      const isDynamic = authenticators.length > 0 || tokens.length > 0;
      const authid = authidOf(request.details, 'ticket');
      if (isFault(authid) && !isDynamic) return { kind: 'refused', fault: authid };
      const entry = isFault(authid) ? undefined : principals.get(authid);
      return {
        kind: 'challenge',
        extra: {},
        answer(ticket) {
          if (entry === undefined && isDynamic) return decide(authenticators, tokens, request, ticket);
          const isRight = isEqual(sha256(ticket), entry?.credential.ticketSha256 ?? NO_TICKET);
          return isRight && entry !== undefined ? granted(entry.principal) : DENIED;
        },
      };
    },
  };
}

async function decide(
  authenticators: readonly AuthenticatorEntry[],
  tokens: readonly TokenReader[],
  request: AuthRequest,
  ticket: string,
): Promise<AuthStep> {
  const byToken = await decideByToken(tokens, ticket, request);
  if (byToken.kind === 'granted' || authenticators.length === 0) return byToken;
  const step = await ask(authenticators, request, ticket);
  return step.kind === 'refused' && byToken !== DENIED ? byToken : step;
}

async function ask(
  authenticators: readonly AuthenticatorEntry[],
  request: AuthRequest,
  ticket: string,
): Promise<AuthStep> {
  const finding = await askAuthenticators(authenticators, request, {
    method: 'ticket',
    details: { ticket },
    authid: request.details.authid,
    isRoleEnough: true,
    credentialOf: () => ({}),
  });
  if (finding.kind === 'undecided') return finding.step;
  return finding.kind === 'found' ? granted(finding.entry.principal) : DENIED;
}
