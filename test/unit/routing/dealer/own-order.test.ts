import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import { payloadOfBytes } from '../../../support/payloads.js';
import { fault } from '../../../../src/wamp/faults.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import type { ClaimOutcome } from '../../../../src/routing/ports.js';
import { DealerHarness, expectNoLeaks, refusal, TOPOLOGIES } from './dealer-harness.js';
import type { HarnessOptions } from './harness-node.js';
import type { TestSession } from './test-session.js';

/** Of each message what matters here. */
function brief(received: unknown[][]): unknown[][] {
  return received.map((message) => {
    const [code, one, other, , error] = message;
    if (code === Code.INVOCATION) return ['INVOCATION', error];
    if (code === Code.RESULT) return ['RESULT', one, message[3]];
    if (code === Code.ERROR) return ['ERROR', other, error];
    return [code === Code.REGISTERED ? 'REGISTERED' : code, one];
  });
}

describe.each(TOPOLOGIES)('a CALL behind a REGISTER of its own session, $name', ({ nodeCount }) => {
  function scene(options: HarnessOptions = {}): { harness: DealerHarness; session: TestSession; other: TestSession } {
    const harness = new DealerHarness(nodeCount, { isManual: true, ...options });
    return { harness, session: harness.session(0), other: harness.session(nodeCount - 1) };
  }

  /** Answers what it was invoked with, and gives all it was sent. */
  function serve({ harness }: { harness: DealerHarness }, callee: TestSession): unknown[][] {
    harness.flush();
    const received = callee.take();
    for (const [code, request, , , args] of received)
      if (code === Code.INVOCATION) callee.yield(request as number, (args ?? []) as unknown[]);
    harness.flush();
    return brief(received);
  }

  /** The decision on its next REGISTER waits until the test releases it. */
  function holdClaim({ node: { outlet } }: TestSession, outcome: ClaimOutcome): () => void {
    let decide: (() => void) | undefined;
    const original = outlet.claim.bind(outlet);
    outlet.claim = (_claim, decided) => {
      outlet.claim = original;
      decide = () => decided(outcome);
    };
    return () => decide?.();
  }

  it.each([
    { uri: 'p.a', match: 'exact' },
    { uri: 'p', match: 'prefix' },
    { uri: '.a', match: 'wildcard' },
  ] as const)('goes out behind REGISTERED, in order: $match (G10, ORD-3, ORD-4)', ({ uri, match }) => {
    const all = scene();
    const { session, harness } = all;
    const registering = session.register(uri, { match });
    const calls = [session.call('p.a', {}, [1]), session.call('p.a', {}, [2])];
    expect(harness.nodes[0]!.dealer.sizes()).toMatchObject({ pendingCalls: 2, waitingCalls: 2 });
    expect(serve(all, session)).toEqual([
      ['REGISTERED', registering],
      ['INVOCATION', [1]],
      ['INVOCATION', [2]],
    ]);
    expect(brief(session.take())).toEqual(calls.map((call, index) => ['RESULT', call, [index + 1]]));
    expectNoLeaks(harness, true);
  });

  it('does not wait for a REGISTER that would not be the one to call (PBR-4)', () => {
    const all = scene();
    const { session, other } = all;
    other.registered('p.a');
    session.register('p', { match: 'prefix' });
    const call = session.call('p.a', {}, ['now']);
    all.harness.takeDecisions();
    expect(serve(all, other)).toEqual([['INVOCATION', ['now']]]);
    expect(brief(session.take())).toEqual([['RESULT', call, ['now']]]);
  });

  it('keeps no other request of its session waiting (G10)', () => {
    const all = scene();
    const { session, other, harness } = all;
    other.registered('q');
    const registering = session.register('p');
    session.call('p', {}, ['then']);
    const call = session.call('q', {}, ['now']);
    const decide = harness.takeDecisions();
    serve(all, other);
    expect(brief(session.take())).toEqual([['RESULT', call, ['now']]]);
    for (const one of decide) one();
    expect(serve(all, session)).toEqual([
      ['REGISTERED', registering],
      ['INVOCATION', ['then']],
    ]);
    expectNoLeaks(harness, true);
  });

  it('is not passed by a later call to its own session (ORD-3)', () => {
    const all = scene();
    const { session, harness } = all;
    session.registered('q');
    const registering = session.register('p');
    session.call('p', {}, [1]);
    session.call('q', {}, [2]);
    const decide = harness.takeDecisions();
    expect(session.take()).toEqual([]);
    for (const one of decide) one();
    expect(serve(all, session)).toEqual([
      ['REGISTERED', registering],
      ['INVOCATION', [1]],
      ['INVOCATION', [2]],
    ]);
  });

  describe('is not passed by a later call that comes back from another callee to its own session', () => {
    /** The session holds what matches `p.b` too, and a callee that is not REGISTERED yet what matches it best. */
    function passing() {
      const all = scene({ limits: { maxHeldMessages: 4 } });
      const { session, other, harness } = all;
      session.registered('p', { match: 'prefix' });
      const registering = session.register('p.a');
      const decideOwn = harness.takeDecisions();
      other.register('p.b');
      const decideOther = harness.takeDecisions();
      const first = session.call('p.a', {}, [1]);
      const second = session.call('p.b', { progress: true, timeoutMs: 50 }, [2]);
      harness.flush();
      expect(session.take()).toEqual([]);
      expect(harness.nodes[0]!.dealer.sizes().waitingCalls).toBe(2);
      const decide = (): void => {
        for (const one of [...decideOwn, ...decideOther]) one();
        harness.flush();
      };
      return { ...all, registering, first, second, decide };
    }

    it('and keeps its order, chunks and all (ORD-3, ORD-5)', () => {
      const all = passing();
      const { session, harness, registering, second, decide } = all;
      session.continueCall(second, 'p.b', {}, [2.5]);
      session.call('p.c', {}, [3]);
      decide();
      expect(brief(session.take())).toEqual([
        ['REGISTERED', registering],
        ['INVOCATION', [1]],
        ['INVOCATION', [2]],
        ['INVOCATION', [2.5]],
        ['INVOCATION', [3]],
      ]);
      for (const request of [1, 2, 3]) session.yield(request);
      harness.flush();
      expectNoLeaks(harness, true);
    });

    it('and goes on when that one is canceled', () => {
      const { session, harness, first } = passing();
      session.cancel(first, 'killnowait');
      harness.flush();
      expect(brief(session.take())).toEqual([
        ['ERROR', first, ErrorUri.CANCELED],
        ['INVOCATION', [2]],
      ]);
    });

    it.each(['CANCEL', 'its timeout', 'too many that wait'])('and is ended by %s while it waits', (end) => {
      const { session, harness, registering, second, decide } = passing();
      if (end === 'CANCEL') session.cancel(second, 'kill');
      else if (end === 'its timeout') harness.nodes[0]!.outlet.advance(50);
      else for (const chunk of [1, 2, 3]) session.continueCall(second, 'p.b', { progress: true }, [chunk]);
      const error = { CANCEL: ErrorUri.CANCELED, 'its timeout': ErrorUri.TIMEOUT }[end] ?? ErrorUri.LIMIT_EXCEEDED;
      expect(brief(session.take())).toEqual([['ERROR', second, error]]);
      decide();
      expect(brief(session.take())).toEqual([
        ['REGISTERED', registering],
        ['INVOCATION', [1]],
      ]);
      session.yield(1);
      harness.flush();
      expectNoLeaks(harness, true);
    });

    it('unless too many wait', () => {
      const all = scene({ limits: { maxHeldMessages: 1 } });
      const { session, other, harness } = all;
      session.registered('p', { match: 'prefix' });
      session.register('p.a');
      harness.takeDecisions();
      other.register('p.b');
      harness.takeDecisions();
      session.call('p.a');
      const second = session.call('p.b');
      harness.flush();
      expect(brief(session.take())).toEqual([['ERROR', second, ErrorUri.LIMIT_EXCEEDED]]);
      expect(harness.nodes[0]!.limitsReached).toEqual(['held_calls']);
    });

    it('and ends with its session', () => {
      const { session, harness, decide } = passing();
      session.leave();
      decide();
      expect(harness.nodes[0]!.dealer.sizes()).toMatchObject({ pendingCalls: 0, waitingCalls: 0 });
      expect(harness.nodes[0]!.outlet.timerCount()).toBe(0);
    });
  });

  it('goes to who holds the procedure when the REGISTER is refused, and is not passed there (ORD-3)', () => {
    const all = scene();
    const { session, other, harness } = all;
    other.registered('p');
    other.registered('q');
    const registering = session.register('p');
    const calls = [session.call('p', {}, [1]), session.call('q', {}, [2])];
    expect(serve(all, other)).toEqual([
      ['INVOCATION', [1]],
      ['INVOCATION', [2]],
    ]);
    expect(brief(session.take())).toEqual([
      ['ERROR', registering, ErrorUri.PROCEDURE_ALREADY_EXISTS],
      ...calls.map((call, index) => ['RESULT', call, [index + 1]]),
    ]);
    expectNoLeaks(harness, true);
  });

  it('is answered no_such_procedure when the REGISTER fails and nobody holds it', () => {
    const { session, harness } = scene();
    const decide = holdClaim(session, { kind: 'failed', fault: fault(ErrorUri.NETWORK_FAILURE, 'no way') });
    const registering = session.register('p');
    const call = session.call('p');
    harness.flush();
    expect(session.take()).toEqual([]);
    decide();
    expect(brief(session.take())).toEqual([
      ['ERROR', registering, ErrorUri.NETWORK_FAILURE],
      ['ERROR', call, ErrorUri.NO_SUCH_PROCEDURE],
    ]);
    expectNoLeaks(harness, true);
  });

  it('goes to nobody who registered it meanwhile, when a later call has passed it (ORD-3)', () => {
    const all = scene();
    const { session, other } = all;
    other.registered('q');
    const decide = holdClaim(session, { kind: 'taken' });
    const registering = session.register('p');
    const call = session.call('p', {}, [1]);
    session.call('q', {}, [2]);
    const taking = other.register('p');
    expect(serve(all, other)).toEqual(
      expect.arrayContaining([
        ['INVOCATION', [2]],
        ['REGISTERED', taking],
      ]),
    );
    session.take();
    decide();
    expect(brief(session.take())).toEqual([
      ['ERROR', registering, ErrorUri.PROCEDURE_ALREADY_EXISTS],
      ['ERROR', call, ErrorUri.NO_SUCH_PROCEDURE],
    ]);
    expect(serve(all, other)).toEqual([]);
  });

  it.each(['skip', 'kill', 'killnowait'] as const)('can be canceled meanwhile: %s (CAN-1)', (mode) => {
    const all = scene();
    const { session, harness } = all;
    session.registered('q');
    const registering = session.register('p');
    const canceled = session.call('p');
    const behind = session.call('q', {}, ['goes on']);
    const decide = harness.takeDecisions();
    session.cancel(canceled, mode);
    expect(serve(all, session)).toEqual([
      ['ERROR', canceled, ErrorUri.CANCELED],
      ['INVOCATION', ['goes on']],
    ]);
    expect(brief(session.take())).toEqual([['RESULT', behind, ['goes on']]]);
    for (const one of decide) one();
    expect(serve(all, session)).toEqual([['REGISTERED', registering]]);
    expectNoLeaks(harness, true);
  });

  it('has its time from CALL on (TMO-1)', () => {
    const all = scene();
    const { session, harness } = all;
    session.register('p', { forwardTimeout: true });
    const late = session.call('p', { timeoutMs: 100 });
    const call = session.call('p', { timeoutMs: 300 });
    const decide = harness.takeDecisions();
    session.node.outlet.advance(150);
    expect(brief(session.take())).toEqual([['ERROR', late, ErrorUri.TIMEOUT]]);
    for (const one of decide) one();
    harness.flush();
    const [, invoked] = session.take();
    expect(invoked?.slice(0, 2)).toEqual([Code.INVOCATION, 1]);
    expect(invoked?.[3]).toMatchObject({ timeout: 150 });
    session.yield(1);
    harness.flush();
    expect(brief(session.take())).toEqual([['RESULT', call, undefined]]);
    expectNoLeaks(harness, true);
  });

  it('takes its further chunks with it, in order (PCI-1, ORD-5)', () => {
    const all = scene();
    const { session, harness } = all;
    session.register('p');
    const call = session.call('p', { progress: true }, [1]);
    session.continueCall(call, 'p', { progress: true }, [2]);
    session.continueCall(call, 'p', {}, [3]);
    harness.flush();
    const invoked = session.take().slice(1);
    expect(invoked.map(([, request, , , args]) => [request, args])).toEqual([
      [1, [1]],
      [1, [2]],
      [1, [3]],
    ]);
    session.yield(1);
    harness.flush();
    expect(brief(session.take())).toEqual([['RESULT', call, undefined]]);
  });

  it('is bounded, chunks included; one message may always wait', () => {
    const all = scene({ limits: { maxHeldMessages: 2, maxHeldBytes: 100 } });
    const { session, harness } = all;
    const registering = session.register('p');
    const large = session.callWith('p', payloadOfBytes(1_000));
    const tooLarge = session.callWith('p', payloadOfBytes(1));
    expect(brief(session.take())).toEqual([['ERROR', tooLarge, ErrorUri.LIMIT_EXCEEDED]]);
    session.cancel(large, 'skip');
    expect(brief(session.take())).toEqual([['ERROR', large, ErrorUri.CANCELED]]);
    const chunked = session.call('p', { progress: true });
    session.continueCall(chunked, 'p', { progress: true });
    session.continueCall(chunked, 'p', { progress: true });
    expect(brief(session.take())).toEqual([['ERROR', chunked, ErrorUri.LIMIT_EXCEEDED]]);
    session.continueCall(chunked, 'p');
    expect(serve(all, session)).toEqual([['REGISTERED', registering]]);
    expectNoLeaks(harness, true);
  });

  it('goes with its session (SES-13), and is waited for by one that is to leave', () => {
    const all = scene();
    const { session, harness } = all;
    session.register('p');
    session.call('p', { timeoutMs: 100 });
    session.node.dealer.sendAway(session.peer);
    expect(session.node.dealer.hasCallsInFlight(session.peer)).toBe(true);
    const refused = session.call('p');
    expect(session.take()).toEqual([refusal(Code.CALL, refused, ErrorUri.UNAVAILABLE)]);
    session.leave();
    harness.flush();
    expect(session.take()).toEqual([]);
    expectNoLeaks(harness);
  });

  it('finds the procedure that its session gave back and registered again (G10, DLR-3)', () => {
    const all = scene();
    const { session, harness } = all;
    const id = session.registered('p');
    const left = session.unregister(id);
    const again = session.register('p');
    const call = session.call('p', {}, ['again']);
    expect(serve(all, session)).toEqual([
      [Code.UNREGISTERED, left],
      ['REGISTERED', again],
      ['INVOCATION', ['again']],
    ]);
    expect(brief(session.take())).toEqual([['RESULT', call, ['again']]]);
    expectNoLeaks(harness, true);
  });
});
