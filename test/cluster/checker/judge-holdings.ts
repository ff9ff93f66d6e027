import { ErrorUri } from '../../../src/wamp/uris.js';
import { lastKnownMs } from './judge-calls.js';
import { endOfTrouble, isMortal, lossOfSession, wasTrouble, type Evidence, type Terms } from './judge.js';
import {
  endOfHolding,
  type InvocationRecord,
  type Journal,
  type Moment,
  type RegistrationRecord,
  type SubscriptionRecord,
} from './journal.js';

/** What SUBSCRIBE and REGISTER are answered, who holds what, and how much a callee is given at a time. */
export function judgeHoldings(journal: Journal, evidence: Evidence, terms: Terms): string[] {
  const judgement = { journal, evidence, terms };
  return [
    ...[...journal.subscriptions, ...journal.registrations].flatMap((record) => judgeAnswers(judgement, record)),
    ...judgeAlone(judgement),
    ...judgeFormer(judgement),
    ...journal.sessions.flatMap(({ invocations }) => judgeConcurrency(invocations)),
  ];
}

interface Judgement {
  readonly journal: Journal;
  readonly evidence: Evidence;
  readonly terms: Terms;
}
type Holding = SubscriptionRecord | RegistrationRecord;
type Refusal = Holding['refusals'][number];

function nameOf(record: Holding): string {
  const what = 'topic' in record ? `SUBSCRIBE of "${record.topic}"` : `REGISTER of ${record.procedure}`;
  return `${what} by ${record.session.member} on ${record.session.node}`;
}

/** Each is answered in time (G2), and refused only for what is so (G5, G6, SHR-2). */
function judgeAnswers(judgement: Judgement, record: Holding): string[] {
  const what = nameOf(record);
  const violations: string[] = [];
  const { refusals, from, asked, session } = record;
  for (const refusal of refusals) {
    if (isLate(judgement, refusal.asked, refusal.ms))
      violations.push(`G2: ${what} was refused after ${Math.round(refusal.ms - refusal.asked.ms)} ms`);
    const reason = whyNotRefused(judgement, record, refusal);
    if (reason !== undefined) violations.push(`${reason[0]}: ${what} was refused with ${refusal.error}: ${reason[1]}`);
  }
  if (from !== undefined) {
    if (isLate(judgement, asked, from.ms))
      violations.push(`G2: ${what} was granted after ${Math.round(from.ms - asked.ms)} ms`);
  } else if (refusals.at(-1)?.asked !== asked) {
    const endMs = lossOfSession(session)?.ms ?? Infinity;
    if (session.ended === undefined || isLate(judgement, asked, endMs))
      violations.push(`G2: ${what} was never answered`);
  }
  return violations;
}

function isLate({ evidence, terms }: Judgement, asked: Moment, answeredMs: number): boolean {
  // Any node may be the one that is waited for.
  const everybody = terms.troubles.flatMap(({ nodes = [] }) => nodes);
  const limitMs = endOfTrouble(terms, everybody, asked.ms) + terms.answerMs;
  return answeredMs > limitMs + evidence.latenessMs(asked.ms, Math.min(answeredMs, limitMs));
}

function whyNotRefused(
  { journal, evidence, terms }: Judgement,
  record: Holding,
  { error, asked, ms }: Refusal,
): readonly [rule: string, why: string] | undefined {
  const lateMs = evidence.latenessMs(asked.ms, ms);
  if (error === ErrorUri.NETWORK_FAILURE) {
    return wasTrouble(terms, asked.ms - terms.noticeMs, ms) || lateMs > 0
      ? undefined
      : ['G6', 'nothing was wrong with any node'];
  }
  if (error !== ErrorUri.PROCEDURE_ALREADY_EXISTS || 'topic' in record) return ['G6', 'nobody sent that'];
  const hadHolder = journal.registrations.some(
    (other) =>
      other !== record &&
      other.procedure === record.procedure &&
      other.asked.ms <= ms &&
      lastKnownMs(terms, other) >= asked.ms - terms.ghostMs - lateMs,
  );
  return hadHolder ? undefined : ['G5, SHR-2', 'nobody holds it'];
}

/** What is registered alone has one holder, but for as long as a node does not know that it has been declared dead (SHR-2). */
function* rivalsIn({
  journal,
}: Judgement): Generator<readonly [former: RegistrationRecord, later: RegistrationRecord]> {
  const byProcedure = new Map<string, RegistrationRecord[]>();
  for (const record of journal.registrations) {
    if (record.invoke !== 'single' || record.from === undefined) continue;
    const known = byProcedure.get(record.procedure) ?? [];
    byProcedure.set(record.procedure, [...known, record]);
  }
  for (const records of byProcedure.values()) {
    records.sort((one, other) => one.from!.at - other.from!.at);
    for (const [index, later] of records.entries())
      for (const former of records.slice(0, index))
        if (former.session !== later.session && (endOfHolding(former)?.at ?? Infinity) > later.from!.at)
          yield [former, later];
  }
}

function judgeAlone(judgement: Judgement): string[] {
  const { terms, evidence } = judgement;
  return [...rivalsIn(judgement)].flatMap(([former, later]) => {
    const fromMs = later.from!.ms;
    const toMs = Math.min(endOfHolding(former)?.ms ?? Infinity, endOfHolding(later)?.ms ?? Infinity);
    const mortals = [former.session.node, later.session.node];
    if (isMortal(terms, mortals, fromMs - terms.ghostMs, toMs)) return [];
    if (toMs - fromMs <= terms.ghostMs + evidence.latenessMs(fromMs, fromMs + terms.ghostMs)) return [];
    const names = [former, later].map(({ session }) => `${session.member} on ${session.node}`);
    return [`SHR-2: ${former.procedure} is held by ${names.join(' and by ')}`];
  });
}

/** A call that was made after somebody took the procedure over reaches nobody who held it before (G2). */
function judgeFormer(judgement: Judgement): string[] {
  const { journal, terms } = judgement;
  return [...rivalsIn(judgement)].flatMap(([former, later]) =>
    former.session.invocations.flatMap(({ registration, call: number, ms }) => {
      const call = journal.calls[number];
      if (registration !== former || call === undefined || call.at < later.from!.at) return [];
      if ((endOfHolding(later)?.at ?? Infinity) < call.at) return [];
      if (isMortal(terms, [former.session.node, call.session.node], later.from!.ms - terms.ghostMs, ms)) return [];
      const { member, node } = former.session;
      const after = `${Math.round(call.ms - later.from!.ms)} ms before, and ${call.session.member} made it on ${call.session.node}`;
      const what = `${member} on ${node} got call ${number} to ${call.procedure}`;
      const ends = [later, former].map((one) => Math.round((endOfHolding(one)?.ms ?? Infinity) - call.ms));
      const until = `held until ${ends.join(' and ')} ms after`;
      return [
        `G2, SHR-2: ${what}, although ${later.session.member} on ${later.session.node} had taken over ${after}; ${until}`,
      ];
    }),
  );
}

/** Never more at a time than the callee asked for, as the callee sees it. */
function judgeConcurrency(invocations: readonly InvocationRecord[]): string[] {
  const violations: string[] = [];
  const atWork = new Map<RegistrationRecord, InvocationRecord[]>();
  for (const invocation of invocations) {
    const { registration, at, session, call } = invocation;
    if (registration === undefined || registration.concurrency === 0) continue;
    const isAtWork = ({ answered, interrupted }: InvocationRecord): boolean =>
      ((answered ?? interrupted)?.at ?? Infinity) > at;
    const others = (atWork.get(registration) ?? []).filter(isAtWork);
    atWork.set(registration, [...others, invocation]);
    if (others.length < registration.concurrency) continue;
    const count = `${others.length + 1} of ${registration.concurrency}`;
    violations.push(
      `concurrency: ${session.member} works on ${count} calls to ${registration.procedure} since ${call}`,
    );
  }
  return violations;
}
