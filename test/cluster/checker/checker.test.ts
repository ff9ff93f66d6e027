import { describe, expect, it } from 'vitest';
import { LEFT, judge, type Evidence, type Terms } from './judge.js';
import { APP_FAILED, APP_INTERRUPTED } from './judge-calls.js';
import { Journal, type CallRecord, type Plan, type SessionRecord, type SubscriptionRecord } from './journal.js';

const QUIET: Evidence = {
  latenessMs: () => 0,
  gapsMs: () => [],
  refusedCount: () => 0,
  reroutedCount: () => 0,
  drainsFromMs: () => Infinity,
};
const TERMS: Terms = {
  troubles: [],
  sacrificed: new Set(['A', 'B']),
  noticeMs: 1_000,
  endingMs: 500,
  ghostMs: 500,
  answerMs: 2_000,
};
const CLOSED = 'closed 1006';
const PLAN: Plan = { delayMs: 0, progressCount: 0, reply: 'result' };

/** A publisher and caller on A, a subscriber and callee on B, and a clock that ticks 1 ms with each thing seen. */
function scene() {
  const time = { ms: 0 };
  const journal = new Journal(() => ++time.ms);
  const near = journal.opened('near', () => 'A');
  const far = journal.opened('far', () => 'B');
  const all = journal.subscribing(far, 'com.load', 'prefix');
  const one = journal.subscribing(far, 'com.load.one', 'exact');
  for (const subscription of [all, one]) journal.granted(subscription);
  journal.granted(journal.registering(far, 'com.work'));
  return {
    journal,
    near,
    far,
    all,
    one,
    /** Publishes to a topic only `all` matches. */
    publish: (acknowledge = false, topic = 'com.load.two') => {
      const publication = journal.published(near, topic, acknowledge);
      if (acknowledge) journal.publicationAnswered(publication, '');
      return publication.number;
    },
    arrive: (number: number, subscription: SubscriptionRecord = all) => journal.event(subscription, number),
    call: (plan: Partial<Plan> = {}, timeoutMs = 0, caller: SessionRecord = near) =>
      journal.called(caller, 'com.work', { ...PLAN, ...plan }, timeoutMs),
    invoke: (call: CallRecord, callee: SessionRecord = far) => journal.invoked(callee, call.number),
    answer: (call: CallRecord, error = '') => {
      const invocation = journal.invoked(far, call.number);
      journal.invocationAnswered(invocation);
      journal.callEnded(call, error, call.plan.progressCount);
    },
    pass: (ms: number) => (time.ms += ms),
    judge: (evidence: Partial<Evidence> = {}, terms: Partial<Terms> = {}) =>
      judge(journal, { ...QUIET, ...evidence }, { ...TERMS, ...terms }),
  };
}

describe('the checker has nothing to say', () => {
  it('where all went well', () => {
    const { publish, arrive, call, answer, judge, one, all } = scene();
    arrive(publish());
    const both = publish(true, 'com.load.one');
    arrive(both, all);
    arrive(both, one);
    answer(call());
    answer(call({ reply: 'error' }), APP_FAILED);
    expect(judge()).toEqual([]);
  });

  it('about what was said before SUBSCRIBED, to other topics, or to the publisher itself', () => {
    const { journal, near, publish, judge } = scene();
    publish(true, 'com.other');
    const own = journal.subscribing(near, 'com.other', 'exact');
    publish(true, 'com.other');
    journal.granted(own);
    publish(true, 'com.other');
    expect(judge()).toEqual([]);
  });
});

it('the checker grants the time that a busy machine took, and no more (G3, G4)', () => {
  const { journal, far, publish, call, answer, pass, judge } = scene();
  publish(true);
  pass(1_000);
  journal.ended(far, CLOSED);
  const late = call();
  pass(3_000);
  answer(late);
  const complaints = [
    expect.stringMatching(/^G4: .* never got/),
    expect.stringMatching(/^G3: .* ended after 3003 ms$/),
  ];
  expect(judge()).toEqual(complaints);
  expect(judge({ latenessMs: () => 400 })).toEqual(complaints);
  expect(judge({ latenessMs: () => 1_100 })).toEqual([]);
});

describe('the checker bites on events', () => {
  it('that come twice (G4)', () => {
    const { publish, arrive, judge } = scene();
    const number = publish();
    arrive(number);
    arrive(number);
    expect(judge()).toEqual([expect.stringMatching(/^G4: far got publication 0 .* twice$/)]);
  });

  it('that overtake one another, across topics and subscriptions too (G1)', () => {
    const { publish, arrive, judge, one } = scene();
    const [first, second] = [publish(), publish(false, 'com.load.one')];
    arrive(second, one);
    arrive(first);
    arrive(second);
    expect(judge()).toEqual([expect.stringMatching(/^G1: far got publication 0 .* after the later 1 of near$/)]);
  });

  it.each([
    [true, /^G4: far on B never got acknowledged publication 0 of near on A/],
    [false, /^G4: 1 unacknowledged publications of A never came, but it counts 0: 0$/],
  ])('that are lost without a word, acknowledged: %s (G4)', (acknowledge, violation) => {
    const { publish, arrive, judge } = scene();
    publish(acknowledge);
    arrive(publish());
    expect(judge()).toEqual([expect.stringMatching(violation)]);
  });

  it('that are lost on one node, whatever was lost between nodes (G6)', () => {
    const { journal, publish, judge, far } = scene();
    const beside = journal.opened('beside', () => 'A');
    journal.granted(journal.subscribing(beside, 'com.load', 'prefix'));
    journal.ended(far, CLOSED);
    publish();
    const evidence = { gapsMs: () => [20], refusedCount: () => 9 };
    expect(judge(evidence)).toEqual([expect.stringMatching(/^G4: beside on A never got unacknowledged/)]);
  });

  it('that nobody made, or made to another topic, or that come back (BRK-7, BRK-9, PBS-1)', () => {
    const { journal, near, publish, arrive, judge, one, all } = scene();
    const number = publish();
    arrive(number, one);
    arrive(number, all);
    arrive(7);
    const own = journal.subscribing(near, 'com.load', 'prefix');
    journal.granted(own);
    journal.event(own, number);
    expect(judge().map((violation) => violation.slice(0, 5))).toEqual(['BRK-7', 'PBS-1', 'BRK-9']);
  });

  it('but not on a loss that its receiver reported soon after (G4)', () => {
    const { publish, arrive, judge } = scene();
    publish(true);
    arrive(publish());
    expect(judge({ gapsMs: (at, from) => (at === 'B' && from === 'A' ? [50] : []) })).toEqual([]);
    expect(judge({ gapsMs: (at, from) => (at === 'A' && from === 'B' ? [50] : []) })).toHaveLength(1);
    expect(judge({ gapsMs: () => [5_000] })).toHaveLength(1);
  });

  it('on more losses than the publisher’s node counted (G4)', () => {
    const { publish, arrive, judge } = scene();
    publish();
    publish();
    arrive(publish());
    expect(judge({ refusedCount: () => 1 })).toEqual([expect.stringMatching(/^G4: 2 unacknowledged .* counts 1/)]);
    expect(judge({ refusedCount: () => 2 })).toEqual([]);
  });

  it('on an acknowledged one that only a counter of refusals speaks for: PUBLISHED said otherwise (G4)', () => {
    const { publish, arrive, judge } = scene();
    publish(true);
    arrive(publish());
    expect(judge({ refusedCount: () => 5 })).toEqual([expect.stringMatching(/never got acknowledged/)]);
  });

  it('but not on those refused with an ERROR, which is counted too (G4)', () => {
    const { journal, near, publish, arrive, judge } = scene();
    journal.publicationAnswered(journal.published(near, 'com.load.two', true), 'wamp.error.network_failure');
    arrive(publish());
    const terms = { troubles: [{ fromMs: 0, toMs: 99 }] };
    expect(judge({ refusedCount: () => 1 }, terms)).toEqual([]);
    expect(judge({ refusedCount: () => 1 })).toEqual([expect.stringMatching(/nothing was wrong with any node$/)]);
    publish();
    arrive(publish());
    expect(judge({ refusedCount: () => 1 }, terms)).toEqual([
      expect.stringMatching(/^G4: 1 unacknowledged .* counts 0/),
    ]);
  });

  it('but not on what was under way when the subscriber’s session ended, unless later ones came (G4)', () => {
    const { journal, far, publish, judge } = scene();
    publish(true);
    journal.ended(far, CLOSED);
    expect(judge()).toEqual([]);
    const other = scene();
    other.publish(true);
    other.arrive(other.publish(true));
    other.journal.ended(other.far, CLOSED);
    expect(other.judge()).toHaveLength(1);
  });

  it('on what was published long before the session ended (G4)', () => {
    const { journal, far, publish, judge, pass } = scene();
    publish(true);
    pass(501);
    journal.ended(far, CLOSED);
    expect(judge()).toHaveLength(1);
  });

  it('on a publication that its publisher’s death does not excuse: it was acknowledged (G4)', () => {
    const dying = scene();
    dying.publish(true);
    dying.journal.ended(dying.near, CLOSED);
    expect(dying.judge()).toHaveLength(1);
    const unsaid = scene();
    unsaid.publish();
    unsaid.journal.ended(unsaid.near, CLOSED);
    expect(unsaid.judge()).toEqual([]);
  });

  it('on acknowledgements that never come, come late, come twice or come unasked (BRK-6)', () => {
    const { journal, near, judge, pass } = scene();
    const [never, late, twice, unasked] = [true, true, true, false].map((isAsked) =>
      journal.published(near, 'com.other', isAsked),
    );
    for (const publication of [twice!, twice!, unasked!]) journal.publicationAnswered(publication, '');
    pass(3_000);
    journal.publicationAnswered(late!, '');
    expect(judge()).toEqual([
      `G4: publication ${never!.number} of near was never answered`,
      expect.stringMatching(/^G4: publication 1 of near was answered after 30\d\d ms$/),
      `G4: publication ${twice!.number} of near was answered 2 times`,
      `BRK-6: publication ${unasked!.number} of near was answered unasked`,
    ]);
  });
});

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

it('the checker bites on sessions that a node ended which nothing happened to (G6)', () => {
  const { journal, near, judge } = scene();
  journal.ended(near, 'wamp.close.system_shutdown');
  expect(judge({}, { sacrificed: new Set(['B']) })).toEqual([
    'G6: near lost its session on A: wamp.close.system_shutdown',
  ]);
  expect(judge({}, { sacrificed: new Set(['A']) })).toEqual([]);
});
