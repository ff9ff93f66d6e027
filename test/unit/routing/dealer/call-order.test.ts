import { describe, expect, it } from 'vitest';
import { NO_PAYLOAD } from '../../../../src/codec/payload.js';
import { Code } from '../../../../src/wamp/codes.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { DealerHarness, TOPOLOGIES } from './dealer-harness.js';
import type { HarnessNode } from './harness-node.js';
import type { TestSession } from './test-session.js';

/** The first argument of each INVOCATION that came. */
function numbers(callee: TestSession): unknown[] {
  return callee.received.filter(([code]) => code === Code.INVOCATION).map((message) => (message[4] as unknown[])[0]);
}

describe.each(TOPOLOGIES)('the order of calls between a caller and a callee, $name (ORD-3)', ({ nodeCount }) => {
  interface Scene {
    readonly harness: DealerHarness;
    readonly caller: TestSession;
    readonly callee: TestSession;
    /** Registered `com.third` before the callee, and shares it with it. */
    readonly third: TestSession;
  }

  function scene(): Scene {
    const harness = new DealerHarness(nodeCount);
    const caller = harness.session(0);
    const [callee, third] = [harness.session(nodeCount - 1), harness.session(nodeCount - 1)];
    callee.registered('com.exact');
    callee.registered('com.prefix', { match: 'prefix' });
    callee.registered('com..wildcard', { match: 'wildcard' });
    third.registered('com.third', { invoke: 'last' });
    return { harness, caller, callee, third };
  }

  const procedures = ['com.exact', 'com.prefix.a', 'com.x.wildcard', 'com.exact', 'com.prefix'];

  const meanwhile: readonly [what: string, doing: (scene: Scene, number: number) => void][] = [
    ['nothing else', () => undefined],
    [
      'calls of others',
      ({ harness }) => {
        harness.session(0).call('com.exact', {}, ['of another']);
        harness.session(nodeCount - 1).call('com.prefix', {}, ['of another']);
      },
    ],
    [
      'calls that end',
      ({ callee }) => {
        for (const [code, request] of callee.take()) if (code === Code.INVOCATION) callee.yield(request as number);
      },
    ],
    ['a CANCEL of the call before', ({ caller }, number) => caller.cancel(number, number % 2 === 0 ? 'kill' : 'skip')],
    ['time', ({ harness }) => harness.nodes[0]!.outlet.advance(10)],
    ['calls to a third session', ({ caller }) => void caller.call('com.third')],
    [
      'a third session that refuses',
      ({ caller, third }) => {
        caller.call('com.third');
        third.error(third.take().at(-1)![1] as number, ErrorUri.UNAVAILABLE);
      },
    ],
    ['what nobody has registered', ({ caller }) => void caller.call('com.nothing')],
  ];

  it.each(meanwhile)('is that of the calls, while there is %s', (_what, doing) => {
    const all = scene();
    const sent = procedures.map((procedure, index) => {
      const number = all.caller.lastRequest + 1;
      all.caller.call(procedure, { timeoutMs: index === 1 ? 5 : 0, receiveProgress: true }, [number]);
      doing(all, number);
      return number;
    });
    expect(numbers(all.callee).filter((number) => number !== 'of another')).toEqual(sent);
  });
});

/** Why the first callee, on another node than the caller, does not take a call. */
const REFUSALS: readonly [why: string, refuse: (first: TestSession, at: HarnessNode, caller: TestSession) => void][] = [
  ['it answers unavailable', (first) => first.error(first.take().at(-1)![1] as number, ErrorUri.UNAVAILABLE)],
  ['it is busy', () => undefined],
  ['it has unregistered', () => undefined],
  ['it has left', () => undefined],
  [
    'its node could not be reached',
    (_first, at) => {
      // Its invoke comes back.
      const call = at.sentFrames().find((frame) => frame.kind === 'invoke' && frame.procedure === 'com.shared');
      if (call?.kind !== 'invoke') throw new Error('nothing was sent');
      const [cause, error] = ['unreachable', ErrorUri.NETWORK_FAILURE] as const;
      at.dealer.receive(at.id, { kind: 'failure', call: call.call, cause, error, payload: NO_PAYLOAD });
    },
  ],
];

describe('a call that its first callee did not take', () => {
  function scene(why: string, firstNode: number) {
    const harness = new DealerHarness(3, { isManual: true });
    const caller = harness.session(0);
    const [first, other] = [harness.session(firstNode), harness.session(2)];
    const id = first.registered('com.shared', {
      invoke: 'first',
      ...(why === 'it is busy' ? { concurrency: 1 } : {}),
    });
    other.registered('com.shared', { invoke: 'first' });
    other.registered('com.known');
    if (why === 'it is busy') {
      harness.session(firstNode).call('com.shared', {}, ['fills it']);
      harness.flush();
    }
    if (why === 'it has unregistered') first.unregister(id);
    if (why === 'it has left') first.leave();
    const [here, there, far] = harness.nodes as [HarnessNode, HarnessNode, HarnessNode];
    return { harness, caller, first, other, here, there, far };
  }

  it.each(REFUSALS)(
    'comes to another behind later calls that were sent there, and before those made after that: %s (ORD-3, RRT-1, SHR-7)',
    (why, refuse) => {
      const { harness, caller, first, other, here, there, far } = scene(why, 1);
      caller.call('com.known', {}, [1]);
      caller.call('com.shared', {}, [2]);
      caller.call('com.known', {}, [3]);
      while (far.receiveOne(here.id)) continue;
      if (why !== 'its node could not be reached') while (there.receiveOne(here.id)) continue;
      refuse(first, here, caller);
      while (here.receiveOne(there.id)) continue;
      // Now it is on its way.
      caller.call('com.known', {}, [4]);
      harness.flush();
      expect(numbers(other)).toEqual([1, 3, 2, 4]);
    },
  );

  it.each(['it is busy', 'it has unregistered', 'it has left'])(
    'keeps its turn when the first is on the node of the caller: %s',
    (why) => {
      const { harness, caller, other } = scene(why, 0);
      for (const [number, procedure] of ['com.known', 'com.shared', 'com.known', 'com.shared'].entries())
        caller.call(procedure, {}, [number]);
      harness.flush();
      expect(numbers(other)).toEqual([0, 1, 2, 3]);
    },
  );

  it('changes the place of no other call', () => {
    const { harness, caller, other } = scene('it has left', 1);
    const sent = Array.from({ length: 12 }, (_, number) => number);
    for (const number of sent) caller.call(number % 3 === 1 ? 'com.shared' : 'com.known', {}, [number]);
    harness.flush();
    const came = numbers(other) as number[];
    expect(came.toSorted((one, another) => one - another)).toEqual(sent);
    expect(came.filter((number) => number % 3 !== 1)).toEqual(sent.filter((number) => number % 3 !== 1));
    for (const [place, number] of came.entries()) {
      const before = sent.filter((one) => one < number && one % 3 !== 1);
      expect(came.slice(0, place)).toEqual(expect.arrayContaining(before));
    }
  });
});
