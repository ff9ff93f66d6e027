import { describe, expect, it } from 'vitest';
import { version } from '../../src/node/version.js';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';

const ALL = { call: true, register: true, publish: true, subscribe: true };
const realm = (...named: string[]) => ({
  realms: [
    {
      name: 'realm1',
      roles: [
        {
          name: 'anonymous',
          permissions: [
            { uri: '', match: 'prefix' as const, allow: ALL },
            ...named.map((uri) => ({ uri, match: 'exact' as const, allow: ALL })),
          ],
        },
      ],
    },
  ],
});

describeConformance(
  'procedures of the router, named by a permission',
  (router) => {
    it('gantry.session.info returns the caller as the router knows it', async () => {
      const client = await router().join();
      const request = client.call('gantry.session.info');
      const [, answered, details, [info]] = (await client.expect(Code.RESULT)) as [number, number, object, [object]];
      expect(answered).toBe(request);
      expect(details).toEqual({});
      const { authid, authrole, authmethod, authprovider, agent } = client.welcome;
      expect(info).toEqual({
        realm: 'realm1',
        session: client.session,
        authid,
        authrole,
        authmethod,
        authprovider,
        agent,
        serializer: router().serializer,
        node: expect.any(String) as string,
      });
    });

    it('no session registers them', async () => {
      const client = await router().join();
      const request = client.request(Code.REGISTER, {}, 'gantry.session.info');
      expect((await client.receive()).slice(0, 5)).toEqual([
        Code.ERROR,
        Code.REGISTER,
        request,
        {},
        ErrorUri.NOT_AUTHORIZED,
      ]);
    });

    it('a pattern that a session registers does not receive their calls', async () => {
      const callee = await router().join();
      const caller = await router().join();
      await callee.register('gantry.', { match: 'prefix' });
      caller.call('gantry.session.info');
      await caller.expect(Code.RESULT);
      expect(await callee.fence()).toEqual([]);
    });

    it('such a pattern does not receive a progressive call either, which is refused', async () => {
      const callee = await router().join();
      const caller = await router().join();
      await callee.register('gantry.session', { match: 'prefix' });
      const request = caller.call('gantry.session.info', ['a secret'], { progress: true });
      const refusal = [Code.ERROR, Code.CALL, request, {}, ErrorUri.NO_SUCH_PROCEDURE];
      expect((await caller.receive()).slice(0, 5)).toEqual(refusal);
      caller.send([Code.CALL, request, {}, 'gantry.session.info', ['another']]);
      expect(await caller.fence()).toEqual([]);
      expect(await callee.fence()).toEqual([]);
    });
  },
  realm('gantry.session.info'),
);

interface Report {
  readonly node: string;
  readonly sessions: number;
  readonly messagesIn: number;
}

describeConformance(
  'gantry.node.list',
  (router) => {
    it('returns every node with its figures, whichever node is asked', async () => {
      const client = await router().join();
      await router().join();
      client.call('gantry.session.info');
      const [, , , [{ node }]] = (await client.expect(Code.RESULT)) as [number, number, object, [Report]];
      client.call('gantry.node.list');
      const [, , , [nodes]] = (await client.expect(Code.RESULT)) as [number, number, object, [Report[]]];
      expect(nodes).toHaveLength(router().nodeCount);
      const ids = nodes.map((one) => one.node);
      expect(new Set(ids).size).toBe(router().nodeCount);
      expect(ids).toEqual([...ids].sort());
      expect(ids).toContain(node);
      expect(nodes.reduce((sum, { sessions }) => sum + sessions, 0)).toBe(2);
      for (const one of nodes)
        expect(one).toMatchObject({ version: version(), uptimeMs: expect.any(Number) as number });
      expect(nodes.find((one) => one.node === node)!.messagesIn).toBeGreaterThanOrEqual(3);
    });
  },
  realm('gantry.node.list', 'gantry.session.info'),
  'test',
);

describe('procedures of the router, allowed by a pattern only', () => {
  describeConformance(
    'a permission of the empty prefix',
    (router) => {
      it('is not enough', async () => {
        const client = await router().join();
        const request = client.call('gantry.session.info');
        expect((await client.receive()).slice(0, 5)).toEqual([
          Code.ERROR,
          Code.CALL,
          request,
          {},
          ErrorUri.NOT_AUTHORIZED,
        ]);
      });
    },
    realm(),
  );
});
