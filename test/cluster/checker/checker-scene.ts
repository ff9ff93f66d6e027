import { judge, type Evidence, type Terms } from './judge.js';
import { Journal, type CallRecord, type Plan, type SessionRecord, type SubscriptionRecord } from './journal.js';

export const QUIET: Evidence = {
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
export const CLOSED = 'closed 1006';
const PLAN: Plan = { delayMs: 0, progressCount: 0, reply: 'result' };

/** A publisher and caller on A, a subscriber and callee on B, and a clock that ticks 1 ms with each record. */
export function scene() {
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
    /** Publishes to a topic that only `all` matches. */
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
