import { fault } from '../../wamp/faults.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { AuthMethod } from './method.js';

export interface AnonymousOptions {
  /** The role of anonymous sessions; undefined: the realm takes none. */
  readonly role: string | undefined;
  readonly randomAuthid: () => string;
}

/** Anybody may join, under a name drawn at random: what HELLO says of itself is not believed. */
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
