import { describe, expect, it } from 'vitest';
import { sendOne, type OneRequestOptions } from '../../../src/bridge/one-request.js';
import { callMessage } from '../../../src/bridge/request.js';
import { isRefusal } from '../../../src/bridge/refusal.js';
import { createCounters } from '../../../src/telemetry/counters.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import type { HttpExchange } from '../../../src/transport/http/exchange.js';
import { FakeRealm } from '../../support/session-harness.js';

function scene() {
  const realm = new FakeRealm();
  const client = new AbortController();
  const options: OneRequestOptions = {
    exchange: { gone: client.signal, remoteAddress: '192.0.2.1' } as HttpExchange,
    realm,
    identity: { principal: { authid: 'web', authrole: 'anonymous', authprovider: 'http' }, authmethod: 'http' },
    timeoutMs: 5_000,
    counters: createCounters(),
    logger: silentLogger,
  };
  const call = callMessage({ procedure: 'com.example.add' }, 1_000, 'ms');
  if (isRefusal(call)) throw new Error(call.message);
  return {
    realm,
    client,
    send: () => sendOne(call, options),
    names: () => realm.routed.map(({ message }) => message[0]),
  };
}

describe('a call of an HTTP client that leaves', () => {
  it('is canceled when the realm has it', async () => {
    const { client, send, names } = scene();
    const sent = send();
    client.abort();
    expect(await sent).toMatchObject({ outcome: 'gone' });
    expect(names()).toEqual([48, 49]);
  });

  it('does not reach the realm when the client left before', async () => {
    const { client, send, names } = scene();
    client.abort();
    expect(await send()).toMatchObject({ outcome: 'gone' });
    expect(names()).toEqual([]);
  });
});
