import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { RawClient } from '../support/raw-client.js';

/** Exponent of 512 bytes, less 9. */
const SHORT = 0;
const LONG = 'x'.repeat(600);
const TOO_LONG = 'wamp.error.payload_size_exceeded';

describe.each(['json', 'msgpack', 'cbor'] as const)(
  'messages that a client does not take (RS-3) [%s]',
  (serializer) => {
    let cluster: TestCluster;
    beforeAll(async () => {
      cluster = await startCluster(1, { listeners: [{ type: 'rawsocket', port: 0 }] });
    });
    afterAll(() => cluster.stop());

    async function pair(): Promise<{ small: RawClient; large: RawClient }> {
      const [url = ''] = cluster.nodes[0]!.addresses.listeners;
      const small = await RawClient.join(url, { serializer, lengthExponent: SHORT + 2 });
      const large = await RawClient.join(url, { serializer });
      return { small, large };
    }
    const long = LONG.repeat(4);

    it('drops a longer EVENT and counts it; later ones arrive', async () => {
      const { small, large } = await pair();
      await small.subscribe('com.example.topic');
      const before = cluster.nodes[0]!.counters.eventsDropped.too_large;
      await large.publishAcknowledged('com.example.topic', [long]);
      await large.publishAcknowledged('com.example.topic', ['short']);
      expect((await small.expect(Code.EVENT)).at(-1)).toEqual(['short']);
      expect(cluster.nodes[0]!.counters.eventsDropped.too_large).toBe(before + 1);
      small.drop();
      large.drop();
    });

    it('drops a longer EVENT of which several subscriptions share the payload', async () => {
      const { small, large } = await pair();
      await small.subscribe('com.example.shared');
      await small.subscribe('com.example', { match: 'prefix' });
      const before = cluster.nodes[0]!.counters.eventsDropped.too_large;
      await large.publishAcknowledged('com.example.shared', ['x'.repeat(20_000)]);
      expect(await small.fence()).toEqual([]);
      expect(cluster.nodes[0]!.counters.eventsDropped.too_large).toBe(before + 2);
      small.drop();
      large.drop();
    });

    it('answers a caller whose callee takes no INVOCATION so long', async () => {
      const { small, large } = await pair();
      await small.register('com.example.echo');
      const request = large.call('com.example.echo', [long]);
      expect((await large.expect(Code.ERROR)).slice(1, 5)).toEqual([Code.CALL, request, {}, TOO_LONG]);
      expect(await small.fence()).toEqual([]);
      small.drop();
      large.drop();
    });

    it.each([
      ['RESULT', Code.YIELD],
      ['ERROR', Code.ERROR],
    ])('sends an ERROR to a caller that takes no %s so long', async (_name, answer) => {
      const { small, large } = await pair();
      await large.register('com.example.long');
      const request = small.call('com.example.long');
      const [, invocation] = await large.expect(Code.INVOCATION);
      if (answer === Code.YIELD) large.send([Code.YIELD, invocation, {}, [long]]);
      else large.send([Code.ERROR, Code.INVOCATION, invocation, {}, 'com.example.error', [long]]);
      const error = await small.expect(Code.ERROR);
      const uri = answer === Code.YIELD ? TOO_LONG : 'com.example.error';
      expect(error.slice(1, 5)).toEqual([Code.CALL, request, {}, uri]);
      expect(JSON.stringify(error)).toContain('at most 2048 bytes');
      small.drop();
      large.drop();
    });

    it('ends the connection of a client that does not even take WELCOME', async () => {
      const [url = ''] = cluster.nodes[0]!.addresses.listeners;
      const client = await RawClient.connect(url, { serializer, lengthExponent: SHORT });
      client.send([Code.HELLO, 'realm1', { roles: { caller: {} }, authextra: {} }]);
      await client.closed;
      expect(client.unread).toEqual([]);
      expect(cluster.nodes[0]!.counters.connectionsClosed.limit).toBeGreaterThan(0);
    });
  },
);
