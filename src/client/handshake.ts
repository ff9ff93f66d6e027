import { Code } from '../wamp/codes.js';
import { isDict, own } from '../wamp/dict.js';
import type { Dict, List } from '../wamp/options.js';
import { LoginError, type LoginMethod } from './login/login.js';

export interface ReceivedWelcome {
  readonly session: number;
  readonly details: Dict;
}

/** The next step of a handshake: a message to send, a session, or its end. */
export type HandshakeStep =
  | { readonly kind: 'send'; readonly message: List }
  | { readonly kind: 'joined'; readonly welcome: ReceivedWelcome }
  | { readonly kind: 'failed'; readonly message: string; readonly uri?: string };

/** No method of the router has more. */
const MAX_CHALLENGES = 4;

const ROLES = {
  caller: {
    features: {
      call_canceling: true,
      call_timeout: true,
      caller_identification: true,
      progressive_call_results: true,
    },
  },
  callee: {
    features: {
      call_canceling: true,
      call_timeout: true,
      caller_identification: true,
      pattern_based_registration: true,
      progressive_call_results: true,
      registration_revocation: true,
      shared_registration: true,
    },
  },
  publisher: {
    features: { publisher_exclusion: true, publisher_identification: true, subscriber_blackwhite_listing: true },
  },
  subscriber: {
    features: { pattern_based_subscription: true, publisher_identification: true, subscription_revocation: true },
  },
};

export function hello(realm: string, agent: string, login: LoginMethod): List {
  const { method, authid, authextra } = login;
  return [
    Code.HELLO,
    realm,
    {
      roles: ROLES,
      agent,
      authmethods: [method],
      ...(authid !== undefined && { authid }),
      ...(authextra !== undefined && { authextra }),
    },
  ];
}

/** Answers the messages between HELLO and WELCOME. */
export class ClientHandshake {
  readonly #login: LoginMethod;
  #challenges = 0;

  constructor(login: LoginMethod) {
    this.#login = login;
  }

  async step(message: List): Promise<HandshakeStep> {
    try {
      switch (message[0]) {
        case Code.WELCOME:
          return this.#welcome(message);
        case Code.CHALLENGE:
          return await this.#challenge(message);
        case Code.ABORT:
          return aborted(message);
        default:
          return { kind: 'failed', message: 'the router sent a message that does not belong into a handshake' };
      }
    } catch (error) {
      if (error instanceof LoginError) return { kind: 'failed', message: error.message };
      throw error;
    }
  }

  #welcome([, session, details]: List): HandshakeStep {
    if (typeof session !== 'number' || !isDict(details))
      return { kind: 'failed', message: 'the router sent a WELCOME without session or details' };
    const authextra = own(details, 'authextra');
    this.#login.verify?.(isDict(authextra) ? authextra : {});
    return { kind: 'joined', welcome: { session, details } };
  }

  async #challenge([, method, extra]: List): Promise<HandshakeStep> {
    this.#challenges++;
    if (this.#challenges > MAX_CHALLENGES) throw new LoginError('the router sent one CHALLENGE after another');
    if (method !== this.#login.method || this.#login.answer === undefined)
      throw new LoginError(`the router wants an answer for the method ${JSON.stringify(method)}`);
    const { signature, extra: more } = await this.#login.answer(isDict(extra) ? extra : {});
    return { kind: 'send', message: [Code.AUTHENTICATE, signature, more] };
  }
}

function aborted([, details, uri]: List): HandshakeStep {
  const text = isDict(details) ? own(details, 'message') : undefined;
  const reason = typeof uri === 'string' ? uri : 'an ABORT without reason';
  return {
    kind: 'failed',
    message: `the router refused the session: ${reason}${typeof text === 'string' ? `: ${text}` : ''}`,
    ...(typeof uri === 'string' && { uri }),
  };
}
