import type { AuthMethod } from '../../../src/session/auth/method.js';
import { ALL_ROLES, faultOf } from '../../support/session-harness.js';

export const VIOLATION = 'wamp.error.protocol_violation';
export const HELLO = [1, 'realm1', { roles: ALL_ROLES }];
export const AUTHENTICATE = [5, 'open sesame', {}];
export const GOODBYE = [6, {}, 'wamp.close.normal'];
export const ABORT = [3, {}, 'wamp.error.whatever'];
/** All messages that a client may send, except HELLO and ABORT. */
export const OTHERS = [
  AUTHENTICATE,
  GOODBYE,
  [8, 68, 1, {}, 'a.b'],
  [16, 1, {}, 'a.b'],
  [32, 1, {}, 'a.b'],
  [34, 1, 7],
  [48, 1, {}, 'a.b'],
  [49, 1, {}],
  [64, 1, {}, 'a.b'],
  [66, 1, 7],
  [70, 1, {}],
];
/** Messages that only a router may send. */
export const ROUTER_ONLY = [2, 4, 17, 33, 35, 36, 50, 65, 67, 68, 69].map((code) => [code, 1, {}]);

/** A method that asks for one password, `rounds` times. */
export function password(rounds = 1): AuthMethod {
  const challenge = (left: number) => ({
    kind: 'challenge' as const,
    extra: { left },
    answer: (signature: string) => {
      if (signature !== 'open sesame') {
        return { kind: 'refused' as const, fault: faultOf('wamp.error.authentication_denied') };
      }
      if (left > 1) return challenge(left - 1);
      const principal = { authid: 'ali', authrole: 'anonymous', authprovider: 'cave', authextra: { gold: true } };
      return { kind: 'granted' as const, principal };
    },
  });
  return { name: 'password', begin: () => challenge(rounds) };
}

export const PASSWORD_HELLO = [1, 'realm1', { roles: ALL_ROLES, authmethods: ['unknown', 'password'] }];
