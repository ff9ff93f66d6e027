import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import type { FeatureKey } from '../../../../src/wamp/features.js';
import type { CancelMode } from '../../../../src/wamp/options.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { DealerHarness, expectNoLeaks, pair, refusal, TOPOLOGIES } from './dealer-harness.js';
import type { HarnessOptions } from './harness-node.js';
import { ALL_FEATURES, type TestSession } from './test-session.js';

const BOUND_MS = 1_000;
const WITHOUT_CANCELING: readonly FeatureKey[] = ALL_FEATURES.filter((feature) => feature !== 'call_canceling');

type Abandon = (caller: TestSession, request: number, harness: DealerHarness) => void;

const canceling =
  (mode: CancelMode): Abandon =>
  (caller, request) =>
    caller.cancel(request, mode);

/** Whatever ends a call for its caller while its callee works on. */
const WAYS: readonly [name: string, interrupts: boolean, abandon: Abandon][] = [
  ['CANCEL skip', false, canceling('skip')],
  ['CANCEL killnowait', true, canceling('killnowait')],
  [
    'its timeout',
    true,
    (_caller, _request, harness) => {
      harness.nodes[0]!.outlet.advance(10);
      harness.flush();
    },
  ],
  ['the leaving of its caller', true, (caller) => caller.leave()],
];

describe.each(TOPOLOGIES)('concurrency, $name', ({ nodeCount }) => {
  function scene(features: readonly FeatureKey[], limits: HarnessOptions['limits'] = {}) {
    const { harness, caller, callee } = pair(nodeCount, { callee: features, limits });
    const registration = callee.registered('com.a', { concurrency: 1 });
    const other = harness.session(0);
    const calleeNode = harness.nodes[nodeCount - 1]!;
    const abandoned = (): number => calleeNode.dealer.sizes().abandonedInvocations;
    /** Makes a call and ends it for its caller; takes what the callee was sent. */
    const abandonOne = (abandon: Abandon): number[] => {
      const request = caller.call('com.a', { timeoutMs: 10 });
      abandon(caller, request, harness);
      return callee.take().map(([code]) => code as number);
    };
    const expectBusy = (): void => {
      const request = other.call('com.a');
      expect(other.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
      expect(callee.take()).toEqual([]);
    };
    const expectFree = (): void => {
      other.call('com.a');
      expect(callee.take().map(([code]) => code)).toEqual([Code.INVOCATION]);
    };
    return { harness, caller, callee, calleeNode, registration, abandoned, abandonOne, expectBusy, expectFree };
  }

  const answers: readonly [name: string, answer: (callee: TestSession) => void][] = [
    ['YIELD', (callee) => callee.yield(1, ['late'])],
    ['ERROR', (callee) => callee.error(1, 'com.app.error')],
    ['ERROR unavailable', (callee) => callee.error(1, ErrorUri.UNAVAILABLE)],
  ];

  describe.each([
    ['with call_canceling', ALL_FEATURES],
    ['without call_canceling', WITHOUT_CANCELING],
  ] as const)('a callee %s', (_name, features) => {
    const canInterrupt = features.includes('call_canceling');

    it.each(WAYS.flatMap(([name, interrupts, abandon]) => answers.map((one) => ({ name, interrupts, abandon, one }))))(
      'keeps its place after $name until it answers: $one.0',
      ({ interrupts, abandon, one: [, answer] }) => {
        const { harness, callee, calleeNode, abandoned, abandonOne, expectBusy, expectFree } = scene(features);
        const sent = abandonOne(abandon);
        expect(sent).toEqual(interrupts && canInterrupt ? [Code.INVOCATION, Code.INTERRUPT] : [Code.INVOCATION]);
        expectBusy();
        // Progress shows that it works on (DLR-10).
        callee.yield(1, [], { progress: true });
        expectBusy();
        expect(abandoned()).toBe(1);
        answer(callee);
        expect(abandoned()).toBe(0);
        expect(callee.isOpen).toBe(true);
        expect(calleeNode.counted('late_yield')).toBe(2);
        expectFree();
        // A second answer to what is over frees nothing.
        answer(callee);
        expectBusy();
        callee.yield(2);
        expectNoLeaks(harness, true);
        expect(calleeNode.limitsReached).toEqual([]);
      },
    );
  });

  it.each(WAYS.filter(([, interrupts]) => interrupts))(
    'a callee that answers no INTERRUPT has its place again after a bounded time: %s',
    (_name, _interrupts, abandon) => {
      const { callee, calleeNode, abandonOne, expectBusy, expectFree } = scene(ALL_FEATURES);
      abandonOne(abandon);
      calleeNode.outlet.advance(BOUND_MS - 20);
      expectBusy();
      calleeNode.outlet.advance(20);
      expect(calleeNode.limitsReached).toEqual(['interrupt_timeout']);
      expectFree();
      // What it answers then is late, and frees no place of another.
      callee.yield(1);
      expectBusy();
    },
  );

  it.each([
    ['skip', ALL_FEATURES],
    ['skip', WITHOUT_CANCELING],
    ['killnowait', WITHOUT_CANCELING],
    ['kill', WITHOUT_CANCELING],
  ] as const)('CANCEL %s without INTERRUPT has no bound unless one is set', (mode, features) => {
    const unbounded = scene(features);
    unbounded.abandonOne(canceling(mode));
    unbounded.calleeNode.outlet.advance(1_000_000);
    unbounded.expectBusy();

    const bounded = scene(features, { abandonedInvocationTimeoutMs: 5_000 });
    bounded.abandonOne(canceling(mode));
    bounded.calleeNode.outlet.advance(4_999);
    bounded.expectBusy();
    bounded.calleeNode.outlet.advance(1);
    expect(bounded.calleeNode.limitsReached).toEqual(['abandoned_timeout']);
    bounded.expectFree();
  });

  it('kill keeps the place until the callee answers, or long after the caller has given up', () => {
    const { caller, callee, calleeNode, expectBusy, expectFree } = scene(ALL_FEATURES);
    const request = caller.call('com.a');
    caller.cancel(request, 'kill');
    calleeNode.outlet.advance(10 * BOUND_MS);
    callee.take();
    expectBusy();
    caller.leave();
    expectBusy();
    // INTERRUPT was sent before, and is not sent twice.
    expect(callee.take()).toEqual([]);
    calleeNode.outlet.advance(BOUND_MS);
    expectFree();
  });

  it('never has more than it takes, however often its callers give up', () => {
    const { callee, abandonOne, expectBusy, expectFree } = scene(WITHOUT_CANCELING);
    for (let times = 0; times < 5; times++) abandonOne(canceling('skip'));
    expect(callee.received.filter(([code]) => code === Code.INVOCATION)).toHaveLength(1);
    expectBusy();
    callee.yield(1);
    expectFree();
  });

  it('forgets abandoned invocations with their callee', () => {
    const { harness, caller, callee, abandonOne } = scene(ALL_FEATURES);
    abandonOne(canceling('killnowait'));
    callee.leave();
    expectNoLeaks(harness, true);
    const request = caller.call('com.a');
    expect(caller.take().at(-1)).toEqual(refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE));
  });

  it('counts for the registration by which the invocation came, not for a later one', () => {
    const { harness, callee, registration, abandonOne, expectFree, expectBusy } = scene(WITHOUT_CANCELING);
    abandonOne(canceling('skip'));
    callee.unregister(registration);
    callee.take();
    callee.registered('com.a', { concurrency: 1 });
    expectFree();
    callee.yield(1);
    expectBusy();
    callee.yield(2);
    expectNoLeaks(harness, true);
  });

  it('keeps nothing of abandoned invocations where there is no concurrency', () => {
    const { harness, caller, callee } = pair(nodeCount, { callee: WITHOUT_CANCELING });
    callee.registered('com.a');
    for (let times = 0; times < 10; times++) caller.cancel(caller.call('com.a'), 'skip');
    expectNoLeaks(harness, true);
  });

  it('a callee with too many unanswered takes no more, whatever its concurrency', () => {
    const { harness, caller, callee } = pair(nodeCount, { callee: WITHOUT_CANCELING });
    callee.registered('com.a', { concurrency: 1_000_000 });
    callee.registered('com.b');
    for (let times = 0; times < 4_096; times++) caller.cancel(caller.call('com.a'), 'skip');
    caller.take();
    callee.take();
    const request = caller.call('com.a');
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
    expect(harness.nodes[nodeCount - 1]!.limitsReached).toEqual(['abandoned_invocations']);
    caller.call('com.b');
    expect(callee.take()).toHaveLength(1);
    callee.yield(1);
    caller.call('com.a');
    expect(callee.take()).toHaveLength(1);
  });

  it('a drain does not wait for what nobody waits for', () => {
    const { callee, calleeNode, abandonOne } = scene(ALL_FEATURES);
    abandonOne(canceling('killnowait'));
    expect(calleeNode.dealer.hasCallsInFlight(callee.peer)).toBe(false);
  });
});

describe('concurrency, when a node is lost', () => {
  const ends: readonly [name: string, end: (harness: DealerHarness) => void][] = [
    ['the death of the node of its caller', (harness) => harness.kill(0)],
    ['a loss in the lane', (harness) => harness.nodes[1]!.noticeGap(harness.nodes[0]!.id)],
    ['being cut off', (harness) => void harness.nodes[1]!.dealer.cutOff()],
  ];

  it.each(ends)('keeps the place after %s until the callee answers', (_name, end) => {
    const { harness, caller, callee } = pair(2);
    const local = harness.session(1);
    callee.registered('com.a', { concurrency: 1 });
    caller.call('com.a');
    end(harness);
    harness.flush();
    expect(callee.take().map(([code]) => code)).toEqual([Code.INVOCATION, Code.INTERRUPT]);
    const request = local.call('com.a');
    expect(local.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_AVAILABLE_CALLEE)]);
    callee.error(1, ErrorUri.CANCELED);
    local.call('com.a');
    expect(callee.take().map(([code]) => code)).toEqual([Code.INVOCATION]);
  });

  it('a large pool knows at once when an abandoned invocation was answered, on the node of the callee', () => {
    const harness = new DealerHarness(1);
    const callees = Array.from({ length: 40 }, () => harness.session(0, WITHOUT_CANCELING));
    for (const callee of callees) callee.registered('com.a', { invoke: 'first', concurrency: 1 });
    const caller = harness.session(0);
    for (const _ of callees) caller.cancel(caller.call('com.a'), 'skip');
    caller.take();
    const refused = caller.call('com.a');
    expect(caller.take()).toEqual([refusal(Code.CALL, refused, ErrorUri.NO_AVAILABLE_CALLEE)]);
    expect(harness.nodes[0]!.counted('call_rerouted')).toBe(0);
    callees[30]!.yield(1);
    const request = caller.call('com.a');
    callees[30]!.yield(2, ['free']);
    expect(caller.take()).toEqual([[Code.RESULT, request, {}, ['free']]]);
  });
});
