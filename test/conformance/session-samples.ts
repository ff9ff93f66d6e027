import { Code } from '../../src/wamp/codes.js';

export const everything = {
  uri: '',
  match: 'prefix' as const,
  allow: { call: true, register: true, publish: true, subscribe: true },
};
/** The role of anonymous sessions: it may do everything. */
export const anonymous = { name: 'anonymous', permissions: [everything] };

export const hello = (details: unknown, realm: unknown = 'realm1') => [Code.HELLO, realm, details];
