import { describe, expect, it } from 'vitest';
import { QUIET } from '../cluster/checker/checker-scene.js';
import { judge, type Evidence, type Terms } from '../cluster/checker/judge.js';
import { lateWithin } from '../cluster/harness/reports.js';
import { Journal, type Plan, type SessionRecord } from '../cluster/checker/journal.js';

const TERMS: Terms = {
  troubles: [],
  sacrificed: new Set(),
  noticeMs: 1_000,
  endingMs: 500,
  ghostMs: 500,
  answerMs: 2_000,
};
const PLAIN: Plan = { delayMs: 0, progressCount: 0, reply: 'result' };
const EXISTS = 'wamp.error.procedure_already_exists';

/** A session on each of A and B, and a clock that ticks 1 ms with each thing seen. */
function scene() {
  const time = { ms: 0 };
  const journal = new Journal(() => ++time.ms);
  const [one, other] = [journal.opened('one', () => 'A', 1), journal.opened('other', () => 'B', 2)];
  return {
    journal,
    one,
    other,
    pass: (ms: number) => (time.ms += ms),
    subscribed: (session: SessionRecord, topic = 'com.t') => {
      const subscription = journal.subscribing(session, topic, 'exact');
      journal.granted(subscription);
      return subscription;
    },
    registered: (session: SessionRecord, options: Parameters<Journal['registering']>[2] = {}) => {
      const registration = journal.registering(session, 'com.p', options);
      journal.granted(registration);
      return registration;
    },
    call: (caller: SessionRecord, plan: Plan = PLAIN) => journal.called(caller, 'com.p', plan),
    judge: (terms: Partial<Terms> = {}, evidence: Partial<Evidence> = {}) =>
      judge(journal, { ...QUIET, ...evidence }, { ...TERMS, ...terms }),
  };
}

describe('a callee with a bound (concurrency)', () => {
  it('is given one call after the other', () => {
    const { journal, one, other, registered, call, judge } = scene();
    const bounded = registered(other, { invoke: 'first', concurrency: 1 });
    for (let count = 0; count < 3; count++) {
      const made = call(one);
      journal.invocationAnswered(journal.invoked(other, made.number, bounded));
      journal.callEnded(made, '', 0);
    }
    expect(judge()).toEqual([]);
  });

  it('is not given another while it works, whatever became of the first', () => {
    const { journal, one, other, registered, call, judge } = scene();
    const bounded = registered(other, { invoke: 'first', concurrency: 1 });
    const first = call(one);
    const work = journal.invoked(other, first.number, bounded);
    journal.canceled(first, 'skip');
    journal.callEnded(first, 'wamp.error.canceled');
    const second = call(one);
    journal.invocationAnswered(journal.invoked(other, second.number, bounded));
    journal.invocationAnswered(work);
    journal.callEnded(second, '', 0);
    expect(judge()).toEqual(['concurrency: other works on 2 of 1 calls to com.p since 1']);
  });
});

describe('who holds a procedure alone (SHR-2)', () => {
  it('is one session', () => {
    const { journal, one, other, registered, pass, judge } = scene();
    registered(one);
    registered(other);
    pass(1_000);
    journal.ended(other, 'dropped');
    expect(judge()).toEqual(['SHR-2: com.p is held by one on A and by other on B']);
  });

  it('but not at once after it was taken over, or while a node does not know that it was declared dead', () => {
    const { journal, one, other, registered, pass, judge } = scene();
    const former = registered(one);
    registered(other);
    pass(100);
    journal.givenUp(former);
    expect(judge()).toEqual([]);
    const asleep = scene();
    asleep.registered(asleep.one);
    asleep.registered(asleep.other);
    asleep.pass(9_000);
    asleep.journal.ended(asleep.one, 'closed 1012');
    const troubles = [{ nodes: ['A'], isMortal: true, fromMs: 0, toMs: 9_000 }];
    expect(asleep.judge({ troubles, sacrificed: new Set(['A']) })).toEqual([]);
    expect(asleep.judge({ sacrificed: new Set(['A']) })).toHaveLength(1);
  });

  it('gets every call that is made after REGISTERED (G2)', () => {
    const { journal, one, other, registered, call, judge } = scene();
    const former = registered(one);
    registered(other);
    const made = call(other);
    journal.invocationAnswered(journal.invoked(one, made.number, former));
    journal.callEnded(made, '', 0);
    journal.givenUp(former);
    expect(judge()).toEqual([
      'G2, SHR-2: one on A got call 0 to com.p, although other on B had taken over 1 ms before, and other made it on B; held until Infinity and 4 ms after',
    ]);
  });

  it('is there when a REGISTER is refused for it: no ghost (G5)', () => {
    const { journal, one, other, registered, pass, judge } = scene();
    registered(one);
    journal.refused(journal.registering(other, 'com.p'), EXISTS);
    expect(judge()).toEqual([]);
    journal.ended(one, 'dropped');
    pass(600);
    journal.refused(journal.registering(other, 'com.p'), EXISTS);
    expect(judge()).toEqual([`G5, SHR-2: REGISTER of com.p by other on B was refused with ${EXISTS}: nobody holds it`]);
  });
});

describe('SUBSCRIBE and REGISTER', () => {
  it('are answered, in time, longer only while something is wrong (G2)', () => {
    const { journal, one, pass, judge } = scene();
    journal.subscribing(one, 'com.never', 'exact');
    const late = journal.registering(one, 'com.late');
    pass(3_000);
    journal.granted(late);
    expect(judge()).toEqual([
      'G2: SUBSCRIBE of "com.never" by one on A was never answered',
      'G2: REGISTER of com.late by one on A was granted after 3001 ms',
    ]);
    const troubles = [{ nodes: ['B'], fromMs: 0, toMs: 2_000 }];
    expect(judge({ troubles })).toHaveLength(1);
  });

  it('are refused only for what is so (G6)', () => {
    const { journal, one, judge } = scene();
    journal.refused(journal.subscribing(one, 'com.t', 'exact'), 'wamp.error.network_failure');
    journal.refused(journal.subscribing(one, 'com.u', 'exact'), EXISTS);
    expect(judge()).toEqual([
      expect.stringMatching(/^G6: .*network_failure: nothing was wrong with any node$/),
      expect.stringMatching(/^G6: .*already_exists: nobody sent that$/),
    ]);
    const troubles = [{ fromMs: 0, toMs: 50 }];
    expect(judge({ troubles })).toHaveLength(1);
    expect(judge({ troubles: [{ ...troubles[0]!, isDelay: true }] })).toHaveLength(2);
  });
});

describe('events', () => {
  it('reach those that the lists name, and nobody else (BWL-1)', () => {
    const { journal, one, other, subscribed, judge } = scene();
    const subscription = subscribed(other);
    const listed = journal.published(one, 'com.t', false, { excludeMe: true, eligible: new Set([other]) });
    const unlisted = journal.published(one, 'com.t', false, { excludeMe: true, eligible: new Set() });
    journal.event(subscription, unlisted.number);
    expect(judge()).toEqual([
      'BWL-1: other got publication 1 for exact "com.t", which was not for it',
      `G4: 1 unacknowledged publications of A never came, but it counts 0: ${listed.number}`,
    ]);
  });

  it('that a session publishes behind its SUBSCRIBE reach it (G10)', () => {
    const { journal, one, judge } = scene();
    const subscription = journal.subscribing(one, 'com.t', 'exact');
    journal.published(one, 'com.t', false, { excludeMe: false });
    journal.granted(subscription);
    expect(judge()).toEqual([expect.stringMatching(/^G4: one on A never got unacknowledged publication 0 of one/)]);
  });

  it('are not missed because a node was late, but as its sessions ended or unsubscribed meanwhile (G4)', () => {
    const { journal, one, other, subscribed, pass, judge } = scene();
    const subscription = subscribed(other);
    const publication = journal.published(one, 'com.t', true);
    journal.publicationAnswered(publication, '');
    pass(5_000);
    const troubles = [{ nodes: ['B'], isDelay: true, fromMs: 0, toMs: 5_000 }];
    expect(judge({ troubles })).toHaveLength(1);
    journal.givenUp(subscription);
    expect(judge({ troubles })).toEqual([]);
    expect(judge()).toHaveLength(1);
  });

  it('are acknowledged unless something is wrong with some node (G6)', () => {
    const { journal, one, judge } = scene();
    const publication = journal.published(one, 'com.t', true);
    journal.publicationAnswered(publication, 'wamp.error.network_failure');
    expect(judge()).toEqual([expect.stringMatching(/^G4: .*nothing was wrong with any node$/)]);
    expect(judge({ troubles: [{ fromMs: 0, toMs: 50 }] })).toEqual([]);
    expect(judge({ troubles: [{ fromMs: 0, toMs: 50, isDelay: true }] })).toHaveLength(1);
  });
});

describe('calls', () => {
  it('are found, or fail by name, whatever the store or the node of the caller goes through (G2, G6)', () => {
    const { journal, one, other, registered, call, judge } = scene();
    registered(other);
    journal.callEnded(call(one), 'wamp.error.no_such_procedure');
    const all = [{ fromMs: 0, toMs: 99 }];
    expect(judge({ troubles: all })).toEqual([expect.stringMatching(/other on B holds it$/)]);
    expect(judge({ troubles: [{ nodes: ['A'], isMortal: true, ...all[0]! }] })).toHaveLength(1);
    expect(judge({ troubles: [{ nodes: ['B'], isMortal: true, ...all[0]! }] })).toEqual([]);
  });

  it('find the registration that the caller itself asked for before (G10)', () => {
    const { journal, one, call, judge } = scene();
    const own = journal.registering(one, 'com.p');
    journal.callEnded(call(one), 'wamp.error.no_such_procedure');
    journal.granted(own);
    expect(judge()).toEqual([expect.stringMatching(/^G3: .*one on A holds it$/)]);
  });

  it('do not fail because a node hangs for less than a lease (G3)', () => {
    const { journal, one, other, registered, call, judge } = scene();
    registered(other);
    journal.callEnded(call(one), 'wamp.error.network_failure');
    const trouble = { nodes: ['B'], fromMs: 0, toMs: 99 };
    expect(judge({ troubles: [{ ...trouble, isDelay: true }] })).toHaveLength(1);
    expect(judge({ troubles: [trouble] })).toEqual([]);
  });

  it('of a caller whose node drains are refused, also when it leaves by itself before its turn is over (G3)', () => {
    const { journal, one, other, registered, call, judge } = scene();
    registered(other);
    const refused = call(one);
    journal.callEnded(refused, 'wamp.error.unavailable');
    journal.ended(one, 'dropped');
    const drainsFromMs = (node: string): number => (node === 'A' ? refused.ms : Infinity);
    expect(judge({}, { drainsFromMs })).toEqual([]);
    expect(judge({}, { drainsFromMs: () => refused.ms + 100 })).toEqual([expect.stringMatching(/not sent away$/)]);
    expect(judge()).toEqual([expect.stringMatching(/not sent away$/)]);
  });

  it('whose callee is full find nobody (concurrency)', () => {
    const { journal, one, other, registered, call, judge } = scene();
    const bounded = registered(other, { invoke: 'first', concurrency: 1 });
    const first = call(one);
    const work = journal.invoked(other, first.number, bounded);
    journal.callEnded(call(one), 'wamp.error.no_available_callee');
    journal.invocationAnswered(work);
    journal.callEnded(first, '', 0);
    expect(judge()).toEqual([]);
  });
});

describe('what passes within a node (G6)', () => {
  function local() {
    const time = { ms: Date.now() - 60_000 };
    const journal = new Journal(() => ++time.ms);
    const [one, other] = [journal.opened('one', () => 'A', 1), journal.opened('other', () => 'A', 2)];
    const subscription = journal.subscribing(other, 'com.t', 'exact');
    const registration = journal.registering(other, 'com.p');
    for (const record of [subscription, registration]) journal.granted(record);
    const [publication, call] = [journal.published(one, 'com.t', false), journal.called(one, 'com.p', PLAIN)];
    const late = (latenessMs = 0): string[] =>
      lateWithin(journal, { latenessMs: () => latenessMs }, ['A'], [time.ms - 60_000, Date.now()]);
    return { journal, time, one, subscription, publication, call, late };
  }

  it('comes at once, or as late as the machine explains', () => {
    const { journal, time, subscription, publication, call, late } = local();
    time.ms += 500;
    journal.event(subscription, publication.number);
    journal.callEnded(call, '', 0);
    expect(late()).toEqual([]);
    const slow = local();
    slow.time.ms += 3_000;
    slow.journal.event(slow.subscription, slow.publication.number);
    slow.journal.callEnded(slow.call, '', 0);
    expect(slow.late()).toEqual([
      expect.stringMatching(/^the result of call 0 within A: came after 30\d\d ms$/),
      expect.stringMatching(/^publication 0 for other within A came after 30\d\d ms$/),
    ]);
    expect(slow.late(4_000)).toEqual([]);
  });

  it('does not fail, or stay away', () => {
    const { journal, call, late } = local();
    journal.callEnded(call, 'wamp.error.network_failure');
    expect(late()).toEqual([
      'the result of call 0 within A: wamp.error.network_failure',
      'publication 0 for other within A has not come',
    ]);
  });

  it('is something', () => {
    const { journal } = local();
    expect(lateWithin(journal, { latenessMs: () => 0 }, ['B'], [0, Date.now()])).toEqual([
      'nobody called within B',
      'nobody published within B',
    ]);
  });
});
