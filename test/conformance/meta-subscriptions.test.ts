import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance } from '../support/conformance.js';
import { callError, freshUri } from '../support/exchange.js';
import { metaResult } from '../support/meta.js';

describeConformance('the procedures of the subscription meta API', (router) => {
  it('know a subscription on every node as soon as SUBSCRIBED has come, with one time (UMA-3)', async () => {
    const topic = freshUri('known');
    const [one, two] = [await router().joinAt(0), await router().joinAt(1)];
    const id = await one.subscribe(topic);
    const caller = await router().joinAt(2);
    const details = await metaResult(caller, 'wamp.subscription.get', [id]);
    const created = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
    expect(details).toEqual({ id, created, uri: topic, match: 'exact' });
    expect(await two.subscribe(topic)).toBe(id);
    const sessions = [one.session, two.session].sort();
    for (const client of [one, two, caller]) {
      expect(await metaResult(client, 'wamp.subscription.lookup', [topic])).toBe(id);
      expect(await metaResult(client, 'wamp.subscription.lookup', [topic, { match: 'prefix' }])).toBeNull();
      expect(await metaResult(client, 'wamp.subscription.count_subscribers', [id])).toBe(2);
      const listed = (await metaResult(client, 'wamp.subscription.list_subscribers', [id])) as number[];
      expect(listed.sort()).toEqual(sessions);
    }
    one.request(Code.UNSUBSCRIBE, id);
    await one.expect(Code.UNSUBSCRIBED);
    expect(await metaResult(caller, 'wamp.subscription.list_subscribers', [id])).toEqual([two.session]);
    expect(await metaResult(caller, 'wamp.subscription.get', [id])).toEqual(details);
    two.request(Code.UNSUBSCRIBE, id);
    await two.expect(Code.UNSUBSCRIBED);
    expect(await metaResult(caller, 'wamp.subscription.lookup', [topic])).toBeNull();
  });

  it('list and match by policy, without topics of the router (UMA-4)', async () => {
    const [subscriber, caller] = [await router().joinAt(0), await router().joinAt(1)];
    const name = freshUri('pattern');
    const exact = await subscriber.subscribe(`${name}.a.b`);
    const prefix = await subscriber.subscribe(`${name}.a`, { match: 'prefix' });
    const wildcard = await subscriber.subscribe(`${name}..b`, { match: 'wildcard' });
    const hidden = await subscriber.subscribe('wamp.session.on_join');
    const own = { exact: [exact], prefix: [prefix], wildcard: [wildcard] };
    expect(await metaResult(caller, 'wamp.subscription.list', [subscriber.session])).toEqual(own);
    const all = (await metaResult(caller, 'wamp.subscription.list')) as typeof own;
    expect(Object.keys(all).sort()).toEqual(['exact', 'prefix', 'wildcard']);
    expect(all.exact).toContain(exact);
    expect(all.exact).not.toContain(hidden);
    const matching = (await metaResult(caller, 'wamp.subscription.match', [`${name}.a.b`])) as number[];
    expect(matching.sort()).toEqual([exact, prefix, wildcard].sort());
    expect(await metaResult(caller, 'wamp.subscription.match', [`${name}.c`])).toBeNull();
    expect(await metaResult(caller, 'wamp.subscription.lookup', ['wamp.session.on_join'])).toBeNull();
  });

  it('answer wrong arguments by name (UMA-5)', async () => {
    const client = await router().join();
    for (const [procedure, args, error] of [
      ['lookup', [], ErrorUri.INVALID_ARGUMENT],
      ['lookup', ['com.x', { match: 'fuzzy' }], ErrorUri.INVALID_ARGUMENT],
      ['match', [7], ErrorUri.INVALID_ARGUMENT],
      ['get', [7], ErrorUri.NO_SUCH_SUBSCRIPTION],
      ['list_subscribers', [7], ErrorUri.NO_SUCH_SUBSCRIPTION],
      ['count_subscribers', [7], ErrorUri.NO_SUCH_SUBSCRIPTION],
      ['list', [7], ErrorUri.NO_SUCH_SESSION],
    ] as const)
      expect(await callError(client, client.call(`wamp.subscription.${procedure}`, [...args]))).toBe(error);
  });
});
