import type { Action, Decision } from '../../src/session/authorization/permission.js';
import type { Asker, Request } from '../../src/session/authorization/question.js';
import type { Authorizer } from '../../src/session/ports.js';
import { NO_PAYLOAD } from '../../src/codec/payload.js';
import { Code } from '../../src/wamp/codes.js';
import type { RequestId, SessionId } from '../../src/wamp/ids.js';
import type { MatchPolicy } from '../../src/wamp/options.js';

/** A session that asks for permission. */
export function askerOf(session = 7, rest: Partial<Asker> = {}): Asker {
  return {
    session: session as SessionId,
    realm: 'realm1',
    authid: 'joe',
    authrole: 'user',
    authmethod: 'ticket',
    authprovider: 'static',
    authextra: undefined,
    transport: { type: 'websocket', protocol: 'wamp.2.json', serializer: 'json', peer: '127.0.0.1' },
    isOpen: true,
    ...rest,
  };
}

/** A message that needs permission for the action. */
export function requestOf(action: Action, uri: string, match: MatchPolicy = 'exact'): Request {
  const request = 1 as RequestId;
  switch (action) {
    case 'publish':
      return [Code.PUBLISH, request, { acknowledge: true, excludeMe: true, discloseMe: false }, uri, NO_PAYLOAD];
    case 'subscribe':
      return [Code.SUBSCRIBE, request, { match }, uri];
    case 'call':
      return [
        Code.CALL,
        request,
        { timeoutMs: 0, receiveProgress: false, progress: false, discloseMe: false },
        uri,
        NO_PAYLOAD,
      ];
    case 'register':
      return [
        Code.REGISTER,
        request,
        { match, invoke: 'single', discloseCaller: false, forwardTimeout: false, forceReregister: false },
        uri,
      ];
  }
}

/** The decision of an authorizer that asks nobody. */
export function decisionOf(
  authorizer: Authorizer,
  action: Action,
  uri: string,
  match: MatchPolicy = 'exact',
): Decision {
  const decision = authorizer.authorize(action, uri, match, askerOf(), requestOf(action, uri, match));
  if (decision instanceof Promise) throw new Error('the authorizer asks');
  return decision;
}
