import { describe, expect, it } from 'vitest';
import { CLOSED, scene } from './checker-scene.js';
import { LEFT } from './judge.js';
import { APP_FAILED, APP_INTERRUPTED } from './judge-calls.js';

describe('the checker bites on calls', () => {
  it('answered twice (G3)', () => {
    const { journal, call, answer, judge } = scene();
    const one = call();
    answer(one);
    journal.callEnded(one, 'wamp.error.canceled');
    expect(judge()).toEqual([expect.stringMatching(/^G3: call 0 .* answered after its end: wamp.error.canceled$/)]);
  });

  it('never answered while their caller is there (G3)', () => {
    const { journal, near, call, invoke, judge } = scene();
    const one = call();
    journal.invocationAnswered(invoke(one));
    expect(judge()).toEqual([expect.stringMatching(/^G3: call 0 .* never ended$/)]);
    journal.ended(near, LEFT);
    expect(judge()).toEqual([expect.stringMatching(/never ended$/)]);
    const dropped = scene();
    dropped.invoke(dropped.call({ reply: 'silence' }));
    dropped.journal.ended(dropped.near, CLOSED);
    dropped.journal.interrupted(dropped.journal.invocations[0]!);
    expect(dropped.judge()).toEqual([]);
  });

  it('never answered until their caller gave up (G3)', () => {
    const { journal, near, call, judge, pass } = scene();
    call();
    pass(2_001);
    journal.ended(near, CLOSED);
    expect(judge()).toEqual([expect.stringMatching(/never ended$/)]);
  });

  it('answered too late (G3)', () => {
    const { call, answer, judge, pass } = scene();
    const [slow, timed] = [call({ delayMs: 1_000 }), call({ reply: 'silence' }, 1_000)];
    pass(4_000);
    answer(slow);
    answer(timed, 'wamp.error.timeout');
    expect(judge()).toEqual([
      expect.stringMatching(/ended after 40\d\d ms/),
      expect.stringMatching(/ended after 40\d\d/),
    ]);
  });

  it('with progress out of order, or cut short (ORD-5)', () => {
    const { journal, call, answer, judge } = scene();
    const one = call({ progressCount: 2 });
    journal.progressed(one, 1);
    journal.progressed(one, 0);
    answer(one);
    const two = call({ progressCount: 2 });
    journal.progressed(two, 0);
    answer(two);
    expect(judge().filter((violation) => violation.startsWith('ORD-5'))).toHaveLength(3);
  });

  it('that overtake one another on the way to a callee (ORD-3)', () => {
    const { call, answer, judge, journal } = scene();
    const other = journal.opened('other', () => 'C');
    const offered = journal.registering(other, 'com.work', { invoke: 'first' });
    const [one, two] = [call(), call()];
    answer(two);
    answer(one);
    journal.granted(offered);
    journal.givenUp(offered);
    expect(judge()).toEqual([expect.stringMatching(/^G1, ORD-3: far got call 0 .* after the later 1 to com.work$/)]);
    expect(judge({ reroutedCount: () => 1 })).toEqual([]);
    expect(other.invocations).toEqual([]);
  });

  it('given to two callees (DLR-5)', () => {
    const { call, invoke, answer, judge, journal } = scene();
    const one = call();
    journal.invocationAnswered(
      invoke(
        one,
        journal.opened('other', () => 'C'),
      ),
    );
    answer(one);
    expect(judge()).toEqual([expect.stringMatching(/^DLR-5: call 0 .* given to 2 callees$/)]);
  });

  it('that end with an error nobody gave (G3)', () => {
    const { call, answer, judge } = scene();
    const errors = [
      'wamp.error.canceled',
      'wamp.error.timeout',
      'wamp.error.network_failure',
      APP_FAILED,
      'wamp.error.x',
    ];
    for (const error of [...errors, APP_INTERRUPTED]) answer(call(), error);
    expect(judge()).toHaveLength(errors.length + 1);
  });

  it('but not where a node it needs was in trouble (G6)', () => {
    const { call, answer, judge } = scene();
    answer(call(), 'wamp.error.network_failure');
    expect(judge({}, { troubles: [{ nodes: ['B'], fromMs: 0, toMs: 99 }] })).toEqual([]);
    expect(judge({}, { troubles: [{ nodes: ['C'], fromMs: 0, toMs: 99 }] })).toHaveLength(1);
    expect(judge({}, { troubles: [{ fromMs: 5_000, toMs: 6_000 }] })).toHaveLength(1);
  });

  it('between sessions of one node, whatever trouble there was (G6)', () => {
    const { journal, far, call, answer, judge } = scene();
    const beside = journal.opened('beside', () => 'B');
    answer(call({}, 0, beside), 'wamp.error.network_failure');
    const all = { troubles: [{ fromMs: 0, toMs: 99 }] };
    expect(judge({}, all)).toEqual([expect.stringMatching(/^G3: .*caller and callee are on one node$/)]);
    journal.ended(far, CLOSED);
    expect(judge({}, all)).toEqual([]);
  });

  it('that found nobody although somebody was there (G2)', () => {
    const { journal, call, judge } = scene();
    journal.callEnded(call(), 'wamp.error.no_such_procedure');
    expect(judge()).toEqual([expect.stringMatching(/no_such_procedure: far on B holds it$/)]);
    const trouble = { nodes: ['B'], fromMs: 0, toMs: 99 };
    expect(judge({}, { troubles: [trouble] })).toHaveLength(1);
    expect(judge({}, { troubles: [{ ...trouble, isMortal: true }] })).toEqual([]);
  });

  it('that are over while their callee still works on them (DLR-11)', () => {
    const { journal, near, call, invoke, judge } = scene();
    const invocation = invoke(call({ reply: 'silence' }));
    journal.ended(near, CLOSED);
    expect(judge()).toEqual([expect.stringMatching(/^DLR-11: call 0 .* far was not interrupted$/)]);
    journal.interrupted(invocation);
    expect(judge()).toEqual([]);
    const late = scene();
    const forgotten = late.invoke(late.call({ reply: 'silence' }));
    late.journal.ended(late.near, CLOSED);
    late.pass(2_001);
    late.journal.interrupted(forgotten);
    expect(late.judge()).toHaveLength(1);
  });

  it('that were interrupted twice (CAN-1)', () => {
    const { journal, call, invoke, judge } = scene();
    const one = call();
    const invocation = invoke(one);
    journal.interrupted(invocation);
    journal.interrupted(invocation);
    expect(judge()[0]).toMatch(/^CAN-1: far was interrupted twice/);
  });

  it.each(['wamp.close.system_shutdown', 'closed 1012 the router restarts: connect again'])(
    'refused because their caller is to go, though it is not, or though they had reached a callee (G3): %s',
    (end) => {
      const { journal, near, call, answer, invoke, judge } = scene();
      journal.callEnded(call(), 'wamp.error.unavailable');
      const reached = call();
      invoke(reached);
      answer(reached, 'wamp.error.unavailable');
      expect(judge().join()).toMatch(/not sent away.*it was invoked/s);
      journal.ended(near, end);
      const complaints = judge({}, { sacrificed: new Set(['A']) });
      expect(complaints.filter((complaint) => complaint.includes('unavailable'))).toEqual([
        expect.stringContaining('it was invoked'),
      ]);
    },
  );

  it('lost where none may be lost: canceled, not found, or unanswered by who had it (G3)', () => {
    const { journal, near, far, call, answer, invoke, judge } = scene();
    const troubles = [{ fromMs: 0, toMs: 99 }];
    answer(call(), 'wamp.error.canceled');
    journal.callEnded(call(), 'wamp.error.no_such_procedure');
    journal.invocationAnswered(invoke(call()));
    call();
    journal.ended(near, 'wamp.close.system_shutdown');
    journal.ended(far, 'wamp.close.system_shutdown');
    const sacrificed = new Set(['A', 'B']);
    expect(judge({}, { troubles, sacrificed })).toEqual([]);
    expect(judge({}, { troubles, sacrificed, losesNoCall: true })).toHaveLength(2);
    expect(judge({}, { sacrificed, ghostMs: 0, losesNoCall: true })).toHaveLength(3);
  });
});
