import { fault } from '../../wamp/faults.js';
import type { Uri } from '../../wamp/ids.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { AuthMethod } from './method.js';

export interface AnonymousOptions {
  /** The role of anonymous sessions in a realm; undefined: it takes none. */
  readonly roleIn: (realm: Uri) => string | undefined;
  readonly randomAuthid: () => string;
}

/** Anybody may join, under a name drawn at random: what HELLO says of itself is not believed. */
export function createAnonymous({ roleIn, randomAuthid }: AnonymousOptions): AuthMethod {
  return {
    name: 'anonymous',
    begin({ realm }) {
      const authrole = roleIn(realm);
      if (authrole === undefined) {
        const message = `realm "${realm}" does not take anonymous sessions: authenticate`;
        return { kind: 'refused', fault: fault(ErrorUri.AUTHENTICATION_REQUIRED, message) };
      }
      return { kind: 'granted', principal: { authid: randomAuthid(), authrole, authprovider: 'static' } };
    },
  };
}
