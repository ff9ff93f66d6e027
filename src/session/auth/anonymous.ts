import { fault } from '../../wamp/faults.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { AuthenticatorEntry } from './authenticator.js';
import { AUTHPROVIDER, DENIED, granted } from './credentials.js';
import { askAuthenticators } from './dynamic.js';
import type { AuthMethod, AuthRequest, AuthStep } from './method.js';

export interface AnonymousOptions {
  /** The role of anonymous sessions; undefined: the realm takes none, unless an authenticator does. */
  readonly role: string | undefined;
  readonly authenticators?: readonly AuthenticatorEntry[];
  readonly randomAuthid: () => string;
}

/** Admits every client under a random authid, and ignores the identity that HELLO claims. */
export function createAnonymous({ role, authenticators = [], randomAuthid }: AnonymousOptions): AuthMethod {
  return {
    name: 'anonymous',
    begin(request) {
      if (role !== undefined) return granted({ authid: randomAuthid(), authrole: role, authprovider: AUTHPROVIDER });
      if (authenticators.length > 0) return ask(authenticators, request, randomAuthid());
      const message = `realm "${request.realm}" does not take anonymous sessions: authenticate`;
      return { kind: 'refused', fault: fault(ErrorUri.AUTHENTICATION_REQUIRED, message) };
    },
  };
}

async function ask(
  authenticators: readonly AuthenticatorEntry[],
  request: AuthRequest,
  authid: string,
): Promise<AuthStep> {
  const finding = await askAuthenticators(authenticators, request, {
    method: 'anonymous',
    authid,
    isRoleEnough: true,
    credentialOf: () => ({}),
  });
  if (finding.kind === 'undecided') return finding.step;
  return finding.kind === 'found' ? granted(finding.entry.principal) : DENIED;
}
