import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import type { MatchPolicy } from '../../../../src/wamp/options.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { pair, refusal, TOPOLOGIES } from './dealer-harness.js';

describe.each(TOPOLOGIES)('pattern-based registrations, $name', ({ nodeCount }) => {
  const table: [procedure: string, match: MatchPolicy][] = [
    ['a1.b2.c3.d4.e55', 'exact'],
    ['a1.b2.c3', 'prefix'],
    ['a1.b2.c3.d4', 'prefix'],
    ['a1.b2..d4.e5', 'wildcard'],
    ['a1.b2.c33..e5', 'wildcard'],
    ['a1.b2..d4.e5..g7', 'wildcard'],
    ['a1.b2..d4..f6.g7', 'wildcard'],
  ];

  it.each([
    ['a1.b2.c3.d4.e55', 1],
    ['a1.b2.c3.d98.e74', 2],
    ['a1.b2.c3.d4.e325', 3],
    ['a1.b2.c55.d4.e5', 4],
    ['a1.b2.c33.d4.e5', 5],
    ['a1.b2.c88.d4.e5.f6.g7', 6],
  ])('routes %s to registration %i (PBR-2..PBR-5, 6.7, X-18, X-19)', (procedure, expected) => {
    const { caller, callee } = pair(nodeCount);
    const ids = table.map(([pattern, match]) => callee.registered(pattern, { match }));
    caller.call(procedure);
    const details = expected === 1 ? {} : { procedure };
    expect(callee.take()).toEqual([[Code.INVOCATION, 1, ids[expected - 1], details]]);
  });

  it('finds no registration that does not match (PBR-4, 6.7)', () => {
    const { caller, callee } = pair(nodeCount);
    for (const [pattern, match] of table) callee.registered(pattern, { match });
    const request = caller.call('a2.b2.c2.d2.e2');
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
  });

  it('gives the called procedure for patterns only (PBR-6)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('com.', { match: 'prefix' });
    callee.registered('com.exact');
    caller.call('com.exact');
    caller.call('com.other');
    expect(callee.take().map((invocation) => invocation[3])).toEqual([{}, { procedure: 'com.other' }]);
  });

  it('unregisters one of several that match, the next best takes over (PBR-7)', () => {
    const { caller, callee } = pair(nodeCount);
    const exact = callee.registered('com.a');
    const prefix = callee.registered('com', { match: 'prefix' });
    callee.unregister(exact);
    callee.take();
    caller.call('com.a');
    expect(callee.take()).toEqual([[Code.INVOCATION, 1, prefix, { procedure: 'com.a' }]]);
  });

  it('never lets a call of wamp.* fall through to a pattern (URI-2)', () => {
    const { caller, callee } = pair(nodeCount);
    callee.registered('', { match: 'prefix' });
    callee.registered('..', { match: 'wildcard' });
    const request = caller.call('wamp.session.count');
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
    caller.call('wamper.session.count');
    expect(callee.take()).toHaveLength(1);
  });
});
