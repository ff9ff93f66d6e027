import { fault } from '../../wamp/faults.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { AuthMethod } from './method.js';

export interface AnonymousOptions {
  /** The role of anonymous sessions; undefined: the realm takes none. */
  readonly role: string | undefined;
  readonly randomAuthid: () => string;
}

/** Admits every client under a random authid, and ignores the identity that HELLO claims. */
export function createAnonymous({ role, randomAuthid }: AnonymousOptions): AuthMethod {
  return {
    name: 'anonymous',
    begin({ realm }) {
      if (role === undefined) {
        const message = `realm "${realm}" does not take anonymous sessions: authenticate`;
        return { kind: 'refused', fault: fault(ErrorUri.AUTHENTICATION_REQUIRED, message) };
      }
      return { kind: 'granted', principal: { authid: randomAuthid(), authrole: role, authprovider: 'static' } };
    },
  };
}
