import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { Router } from '../support/conformance.js';
import { freshUri, registerError } from '../support/exchange.js';
import { Responder, whoAnswers } from '../support/responder.js';
import type { RawClient } from '../support/raw-client.js';
import { describeApart } from '../support/uneven-lanes.js';

type Match = 'exact' | 'prefix' | 'wildcard';
type Pattern = readonly [name: number, pattern: string, match: Match];

/** The example of rules 6.7, as it stands in the specification. */
const TABLE: readonly Pattern[] = [
  [1, 'a1.b2.c3.d4.e55', 'exact'],
  [2, 'a1.b2.c3', 'prefix'],
  [3, 'a1.b2.c3.d4', 'prefix'],
  [4, 'a1.b2..d4.e5', 'wildcard'],
  [5, 'a1.b2.c33..e5', 'wildcard'],
  [6, 'a1.b2..d4.e5..g7', 'wildcard'],
  [7, 'a1.b2..d4..f6.g7', 'wildcard'],
];
const TABLE_CALLS: readonly (readonly [string, number | undefined])[] = [
  ['a1.b2.c3.d4.e55', 1],
  ['a1.b2.c3.d98.e74', 2],
  ['a1.b2.c3.d4.e325', 3],
  ['a1.b2.c55.d4.e5', 4],
  ['a1.b2.c33.d4.e5', 5],
  ['a1.b2.c88.d4.e5.f6.g7', 6],
  ['a2.b2.c2.d2.e2', undefined],
];

interface Serving {
  readonly caller: RawClient;
  readonly callees: ReadonlyMap<number, { readonly responder: Responder; readonly registration: number }>;
  /** The name of the registration a call goes to; undefined: to none. */
  readonly chosen: (procedure: string) => Promise<number | undefined>;
}

/** A callee for each pattern, spread over the nodes. */
async function serving(router: () => Router, patterns: readonly Pattern[]): Promise<Serving> {
  const caller = await router().join();
  const callees = new Map<number, { readonly responder: Responder; readonly registration: number }>();
  for (const [name, pattern, match] of patterns) {
    const responder = new Responder(await router().join());
    callees.set(name, { responder, registration: await responder.register(pattern, { match }) });
  }
  const chosen = async (procedure: string): Promise<number | undefined> => {
    const called = await whoAnswers(caller, procedure);
    if (typeof called === 'string') {
      expect(called).toBe('wamp.error.no_such_procedure');
      return undefined;
    }
    const [found] = [...callees].filter(([, { registration }]) => registration === called.registration);
    expect(found?.[1].responder.client.session).toBe(called.session);
    return found?.[0];
  };
  return { caller, callees, chosen };
}

describeApart('pattern-registration', (router) => {
  it.each([
    ['in the order of the table', TABLE],
    ['the other way round', [...TABLE].reverse()],
  ])('chooses as the table of the specification demands, registered %s (PBR-4, 6.7)', async (_order, table) => {
    // The URIs are the table's own: it must not meet what a test before is still leaving behind.
    const suffix = freshUri().split('.').at(-1)!;
    const own = (uri: string): string => `${suffix}.${uri}`;
    const { chosen } = await serving(
      router,
      table.map(([name, pattern, match]) => [name, own(pattern), match]),
    );
    for (const [procedure, name] of TABLE_CALLS)
      expect([procedure, await chosen(own(procedure))]).toEqual([procedure, name]);
  });

  it('gives each match of the same string a registration of its own (PBR-1)', async () => {
    const callee = await router().join();
    const uri = freshUri();
    const ids = [];
    for (const match of ['exact', 'prefix', 'wildcard']) ids.push(await callee.register(uri, { match }));
    expect(new Set(ids).size).toBe(3);
    for (const match of ['exact', 'prefix', 'wildcard'])
      expect(await registerError(await router().join(), uri, { match })).toBe('wamp.error.procedure_already_exists');
  });

  it('takes exact for granted when REGISTER names no match (PBR-1)', async () => {
    const uri = freshUri();
    const { chosen, caller } = await serving(router, [[1, uri, 'exact']]);
    expect(await chosen(uri)).toBe(1);
    expect(await chosen(`${uri}.sub`)).toBeUndefined();
    const id = await caller.register(freshUri());
    expect(id).toBeGreaterThan(0);
  });

  it('reads a prefix as a string, not by components (PBR-2)', async () => {
    const uri = freshUri();
    const { chosen } = await serving(router, [[1, `${uri}.myobject1`, 'prefix']]);
    for (const tail of ['myobject1', 'myobject1-mysubobject1', 'myobject1.sub', 'myobject12.sub.sub'])
      expect([tail, await chosen(`${uri}.${tail}`)]).toEqual([tail, 1]);
    for (const tail of ['myobject', 'myobject2', 'MYOBJECT1', 'x.myobject1'])
      expect([tail, await chosen(`${uri}.${tail}`)]).toEqual([tail, undefined]);
  });

  it('takes a trailing dot of a prefix for the end of a component (URI-3, PBR-2)', async () => {
    const uri = freshUri();
    const { chosen } = await serving(router, [[1, `${uri}.`, 'prefix']]);
    expect(await chosen(`${uri}.sub`)).toBe(1);
    expect(await chosen(uri)).toBeUndefined();
    expect(await chosen(`${uri}x`)).toBeUndefined();
  });

  it('lets each empty component of a wildcard stand for exactly one, wherever it is (PBR-3)', async () => {
    const uri = freshUri();
    const own = uri.split('.').at(-1)!;
    const { chosen } = await serving(router, [
      [1, `${uri}..end`, 'wildcard'],
      [2, `${uri}.tail.`, 'wildcard'],
      [3, `.${own}.head`, 'wildcard'],
      [4, `${uri}.two...`, 'wildcard'],
    ]);
    expect(await chosen(`${uri}.any.end`)).toBe(1);
    expect(await chosen(`${uri}.tail.any`)).toBe(2);
    expect(await chosen(`any.${own}.head`)).toBe(3);
    expect(await chosen(`${uri}.two.a.b.c`)).toBe(4);
    for (const none of ['end', 'any.any.end', 'tail', 'tail.any.any', 'any.END', 'two.a.b', 'two.a.b.c.d'])
      expect([none, await chosen(`${uri}.${none}`)]).toEqual([none, undefined]);
    expect(await chosen(`${own}.head`)).toBeUndefined();
    expect(await chosen(`any.any.${own}.head`)).toBeUndefined();
  });

  it('prefers exact to any prefix, and any prefix to any wildcard (PBR-4)', async () => {
    const uri = freshUri();
    const { chosen, callees } = await serving(router, [
      [1, `${uri}.a.b.`, 'wildcard'],
      [2, uri, 'prefix'],
      [3, `${uri}.a.b.c`, 'exact'],
    ]);
    for (const name of [3, 2, 1]) {
      expect(await chosen(`${uri}.a.b.c`)).toBe(name);
      const { responder, registration } = callees.get(name)!;
      await responder.unregister(registration);
    }
    expect(await chosen(`${uri}.a.b.c`)).toBeUndefined();
  });

  it('takes the longest prefix, also where only the last component is longer (PBR-4, PBR-5, X-19)', async () => {
    const uri = freshUri();
    const { chosen } = await serving(router, [
      [1, `${uri}.a`, 'prefix'],
      [2, `${uri}.a.b`, 'prefix'],
      [3, `${uri}.a.bc`, 'prefix'],
      [4, `${uri}.a.bcd.e`, 'prefix'],
    ]);
    expect(await chosen(`${uri}.a.bcd`)).toBe(3);
    expect(await chosen(`${uri}.a.bx`)).toBe(2);
    expect(await chosen(`${uri}.ax`)).toBe(1);
    expect(await chosen(`${uri}.a.bcd.e`)).toBe(4);
    expect(await chosen(`${uri}.a.bcd.x`)).toBe(3);
  });

  it('compares wildcards by their runs of literal components, from left to right (PBR-4)', async () => {
    const uri = freshUri();
    const { chosen } = await serving(router, [
      [1, `${uri}.....`, 'wildcard'],
      [2, `${uri}..b.c.d.e`, 'wildcard'],
      [3, `${uri}.a....`, 'wildcard'],
      [4, `${uri}.a..c..`, 'wildcard'],
      [5, `${uri}.a..c.d.`, 'wildcard'],
      [6, `${uri}.a.b...`, 'wildcard'],
    ]);
    expect(await chosen(`${uri}.a.b.c.d.e`)).toBe(6);
    expect(await chosen(`${uri}.a.x.c.d.e`)).toBe(5);
    expect(await chosen(`${uri}.a.x.c.x.e`)).toBe(4);
    expect(await chosen(`${uri}.a.x.x.d.e`)).toBe(3);
    expect(await chosen(`${uri}.x.b.c.d.e`)).toBe(2);
    expect(await chosen(`${uri}.x.x.x.x.x`)).toBe(1);
  });

  it('names the procedure to callees by pattern, and to those by exact URI nothing (PBR-6)', async () => {
    const uri = freshUri();
    const { caller } = await serving(router, [
      [1, `${uri}.exact`, 'exact'],
      [2, `${uri}.prefix`, 'prefix'],
      [3, `${uri}..wildcard`, 'wildcard'],
    ]);
    expect(await whoAnswers(caller, `${uri}.exact`)).toMatchObject({ details: {} });
    expect(await whoAnswers(caller, `${uri}.exact`)).not.toHaveProperty('details.procedure');
    for (const procedure of [`${uri}.prefix`, `${uri}.prefix.sub`, `${uri}.x.wildcard`])
      expect(await whoAnswers(caller, procedure)).toMatchObject({ details: { procedure } });
  });

  it('removes only the registration that is unregistered, whatever else matches (PBR-7)', async () => {
    const uri = freshUri();
    const responder = new Responder(await router().join());
    const ids = new Map<Match, number>();
    for (const match of ['exact', 'prefix', 'wildcard'] as const)
      ids.set(match, await responder.register(uri, { match }));
    const caller = await router().join();
    for (const match of ['exact', 'prefix', 'wildcard'] as const) {
      expect(await whoAnswers(caller, uri)).toMatchObject({ registration: ids.get(match) });
      await responder.unregister(ids.get(match)!);
    }
    expect(await whoAnswers(caller, uri)).toBe('wamp.error.no_such_procedure');
  });

  it('routes a call to one registration, however many match (PBR-8, X-18)', async () => {
    const own = freshUri();
    const uri = `${own}.procedure`;
    const { caller, callees, chosen } = await serving(router, [
      [1, uri, 'exact'],
      [2, uri, 'prefix'],
      [3, uri, 'wildcard'],
      [4, own, 'prefix'],
    ]);
    for (let call = 0; call < 5; call++) expect(await chosen(uri)).toBe(1);
    expect(await caller.fence()).toEqual([]);
    const counts = [...callees.values()].map(({ responder }) => responder.invocationCount);
    expect(counts).toEqual([5, 0, 0, 0]);
  });

  it('never lets a pattern take calls to wamp., which are the router\u2019s (URI-2)', async () => {
    const { caller, callees } = await serving(router, [
      [1, '', 'prefix'],
      [2, 'wam', 'prefix'],
      [3, '.session.', 'wildcard'],
      [4, '..', 'wildcard'],
      [5, '...', 'wildcard'],
      [6, '.nothing', 'wildcard'],
    ]);
    for (const procedure of ['wamp.session.x', 'wamp.nothing', 'wamp.a.b.c', 'wamp.registration.x'])
      expect([procedure, await whoAnswers(caller, procedure)]).toEqual([procedure, 'wamp.error.no_such_procedure']);
    caller.call('wamp.session.list');
    expect((await caller.expect(Code.RESULT))[3]).toEqual([expect.arrayContaining([caller.session])]);
    // Neighbours of the reserved name are not reserved, and every one of those patterns is in force.
    for (const procedure of ['wampum.session.list', 'wam', 'com.session.list', 'x.nothing'])
      expect(await whoAnswers(caller, procedure)).toMatchObject({ details: { procedure } });
    for (const { responder, registration } of callees.values()) await responder.unregister(registration);
  });

  it.each([
    ['wamp.session.count', 'exact'],
    ['wamp.', 'prefix'],
    ['wamp.x', 'prefix'],
    ['wamp..list', 'wildcard'],
  ])('does not let anybody register %s by %s (URI-2, X-28)', async (uri, match) => {
    expect(await registerError(await router().join(), uri, { match })).toBe('wamp.error.invalid_uri');
  });

  it.each([
    ['com..empty', 'exact'],
    ['com.trailing.', 'exact'],
    ['', 'exact'],
    ['com..x', 'prefix'],
    ['com.with space.', 'wildcard'],
    ['com.#', 'prefix'],
  ])('refuses to register "%s" by %s (3.2)', async (uri, match) => {
    expect(await registerError(await router().join(), uri, { match })).toBe('wamp.error.invalid_uri');
  });

  it('is notified of a new and of a removed pattern on every node at once (PBR-4, G2)', async () => {
    const uri = freshUri();
    const callers = [await router().join(), await router().join(), await router().join()];
    const broad = new Responder(await router().join());
    const narrow = new Responder(await router().join());
    const wide = await broad.register(uri, { match: 'prefix' });
    for (let round = 0; round < 10; round++) {
      const better = await narrow.register(`${uri}.sub`, { match: 'prefix' });
      for (const caller of callers)
        expect(await whoAnswers(caller, `${uri}.sub.x`)).toMatchObject({ registration: better });
      await narrow.unregister(better);
      for (const caller of callers)
        expect(await whoAnswers(caller, `${uri}.sub.x`)).toMatchObject({ registration: wide });
    }
    expect(callers.every((caller) => caller.unread.every(([code]) => code !== Code.RESULT))).toBe(true);
  });
});
