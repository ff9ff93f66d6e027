import { describe, expect, it } from 'vitest';
import { RealmAuthorization } from '../../../src/realm/authorization.js';
import { ServiceCallError } from '../../../src/realm/sessions/service-session.js';
import { RoleAuthorizers } from '../../../src/session/authorization/role-authorizers.js';
import { createCounters } from '../../../src/telemetry/counters.js';
import { Code } from '../../../src/wamp/codes.js';
import type { RequestId, SessionId } from '../../../src/wamp/ids.js';
import { ErrorUri } from '../../../src/wamp/uris.js';

const SUBJECT = { authid: 'joe', authrole: 'user' };
const TOPIC = 'com.example.news';

describe('the failed call of an authorizer', () => {
  it.each([
    [ErrorUri.NO_SUCH_PROCEDURE, 'unavailable'],
    [ErrorUri.CANCELED, 'unavailable'],
    [ErrorUri.NETWORK_FAILURE, 'unavailable'],
    [ErrorUri.MAX_CONCURRENCY_REACHED, 'unavailable'],
    [ErrorUri.TIMEOUT, 'timeout'],
    ['wamp.error.runtime_error', 'error'],
    ['com.example.error.broken', 'error'],
  ] as const)('with %s counts as %s', async (error, failure) => {
    const counters = createCounters();
    const settings = { procedure: 'com.example.decide', timeoutMs: 1_000, cache: { maxEntries: 10, ttlMs: 1_000 } };
    const authorization = new RealmAuthorization(
      'com.example',
      { roles: new RoleAuthorizers(new Map([['user', []]])), remote: new Map([['user', settings]]) },
      { counters, nowMs: () => 0, after: () => () => undefined },
      () => ({ call: () => Promise.reject(new ServiceCallError(error)), publish: () => undefined }),
    );
    const asker = {
      ...SUBJECT,
      session: 1 as SessionId,
      realm: 'com.example',
      authmethod: 'ticket',
      authprovider: 'static',
      authextra: undefined,
      transport: { type: 'websocket', protocol: 'wamp.2.json', serializer: 'json', peer: '127.0.0.1' },
      isOpen: true,
    } as const;
    const decision = authorization
      .authorizer(SUBJECT)
      ?.authorize('subscribe', TOPIC, 'exact', asker, [Code.SUBSCRIBE, 1 as RequestId, { match: 'exact' }, TOPIC]);
    await expect(decision).rejects.toThrow(failure);
    expect(counters.authorizerCalls[`subscribe,${failure}`]).toBe(1);
  });
});
