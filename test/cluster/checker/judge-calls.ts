import { CloseUri, ErrorUri } from '../../../src/wamp/uris.js';
import {
  DROPPED,
  endOfTrouble,
  isMortal,
  isTroubled,
  LEFT,
  lossOfSession,
  type Evidence,
  type Terms,
} from './judge.js';
import {
  endOf,
  endOfHolding,
  matches,
  type CallRecord,
  type InvocationRecord,
  type Journal,
  type RegistrationRecord,
  type SessionRecord,
} from './journal.js';

/** The answers of the workload's callees. */
export const APP_FAILED = 'com.load.failed';
export const APP_INTERRUPTED = 'com.load.interrupted';

/** Timers of router and client tick in their own time. */
const TIMER_SLACK_MS = 20;
/** How long a caller's node may take a callee for busy that is not any more. */
const BUSY_MEMORY_MS = 1_500;

export function judgeCalls(journal: Journal, evidence: Evidence, terms: Terms): string[] {
  const invocations = new Map<number, InvocationRecord[]>();
  for (const invocation of journal.invocations) {
    const known = invocations.get(invocation.call);
    if (known === undefined) invocations.set(invocation.call, [invocation]);
    else known.push(invocation);
  }
  const judgement = { journal, evidence, terms };
  return [
    ...journal.calls.flatMap((call) => judgeCall(judgement, call, invocations.get(call.number) ?? [])),
    ...journal.sessions.flatMap((session) => judgeInvocations(judgement, session)),
  ];
}

interface Judgement {
  readonly journal: Journal;
  readonly evidence: Evidence;
  readonly terms: Terms;
}

function judgeCall(given: Judgement, call: CallRecord, invocations: readonly InvocationRecord[]): string[] {
  const judgement = { ...given, terms: withLateness(given, call) };
  const { procedure, session, number } = call;
  const what = `call ${number} of ${session.member} on ${session.node} to ${procedure}`;
  return [
    ...judgeAnswers(call, what),
    ...judgeTime(judgement, call, what),
    ...(invocations.length > 1 ? [`DLR-5: ${what} was given to ${invocations.length} callees`] : []),
    ...judgeInterrupts(judgement, call, invocations, what),
    ...judgeReason(judgement, call, invocations, what),
  ];
}

/** On a busy machine all takes longer. */
function withLateness({ evidence, terms }: Judgement, call: CallRecord): Terms {
  const lateMs = evidence.latenessMs(call.ms, (endOf(call) ?? call.session.ended ?? call).ms);
  if (lateMs === 0) return terms;
  const { answerMs, noticeMs, ghostMs } = terms;
  return { ...terms, answerMs: answerMs + lateMs, noticeMs: noticeMs + lateMs, ghostMs: ghostMs + lateMs };
}

/** One end, nothing after it, progress in order and complete before it (G3, ORD-5). */
function judgeAnswers({ answers, canceled }: CallRecord, what: string): string[] {
  const violations: string[] = [];
  let [progressCount, endCount] = [0, 0];
  for (const { progress, progressCount: sentCount, error } of answers) {
    if (endCount > 0) violations.push(`G3: ${what} was answered after its end: ${error || 'a RESULT'}`);
    if (progress === undefined) {
      endCount++;
      if (error === '' && sentCount !== progressCount && canceled === undefined)
        violations.push(`ORD-5: ${what} ended after ${progressCount} of ${sentCount ?? '?'} progressive results`);
    } else if (progress !== progressCount++)
      violations.push(`ORD-5: ${what} got progressive result ${progress} as number ${progressCount - 1}`);
  }
  return violations;
}

/** It ended in time, unless its caller went (G3). */
function judgeTime(judgement: Judgement, call: CallRecord, what: string): string[] {
  const { terms } = judgement;
  const end = endOf(call);
  const limitMs = endOfTrouble(terms, nodesOf(judgement, call), call.ms + dueMs(call)) + terms.answerMs;
  if (end === undefined) {
    const ended = lossOfSession(call.session);
    return ended === undefined || ended.ms > limitMs ? [`G3: ${what} never ended`] : [];
  }
  return end.ms > limitMs ? [`G3: ${what} ended after ${Math.round(end.ms - call.ms)} ms`] : [];
}

/** Nodes that may have to do with it. */
function nodesOf(judgement: Judgement, call: CallRecord): string[] {
  const holders = holdersDuring(judgement, call, endOf(call)?.ms ?? Infinity);
  return [call.session.node, ...holders.map(({ session }) => session.node)];
}

/** What the call takes when nothing goes wrong. */
function dueMs({ plan, timeoutMs, canceled, ms }: CallRecord): number {
  if (canceled !== undefined) return canceled.ms - ms;
  return timeoutMs > 0 ? timeoutMs : plan.delayMs * (plan.progressCount + 1);
}

/** A callee that still works on a call that is over, or whose caller has gone, receives INTERRUPT (G5, DLR-11). */
function judgeInterrupts(
  judgement: Judgement,
  call: CallRecord,
  invocations: readonly InvocationRecord[],
  what: string,
): string[] {
  const end = endOf(call) ?? call.session.ended;
  // `skip` leaves the callee at work on purpose.
  if (end === undefined || call.canceled?.mode === 'skip') return [];
  const { terms } = judgement;
  return invocations.flatMap(({ session, answered, interrupted }) => {
    if (!session.canBeInterrupted) return [];
    const limitMs = endOfTrouble(terms, [call.session.node, session.node], end.ms) + terms.answerMs;
    const hasStopped = [answered, interrupted, session.ended].some((stop) => stop !== undefined && stop.ms <= limitMs);
    return hasStopped ? [] : [`DLR-11: ${what} is over, but ${session.member} was not interrupted`];
  });
}

function judgeReason(
  judgement: Judgement,
  call: CallRecord,
  invocations: readonly InvocationRecord[],
  what: string,
): string[] {
  const end = endOf(call);
  if (end === undefined) {
    const isLost = judgement.terms.losesNoCall === true && invocations.length > 0;
    return isLost ? [`G3: ${what} reached a callee, but its caller was sent away before the answer`] : [];
  }
  const reason = whyWrong(judgement, call, end.error, invocations);
  return reason === undefined ? [] : [`G3: ${what} ended with ${end.error || 'a RESULT'}: ${reason}`];
}

function whyWrong(
  judgement: Judgement,
  call: CallRecord,
  error: string,
  invocations: readonly InvocationRecord[],
): string | undefined {
  const { plan, canceled, timeoutMs, ms } = call;
  const endMs = endOf(call)?.ms ?? ms;
  if (judgement.terms.losesNoCall === true && canceled === undefined && LOSSES.includes(error))
    return 'it had a chance';
  switch (error) {
    case '':
      return plan.reply === 'result' && invocations.length > 0 ? undefined : 'no callee gave one';
    case APP_FAILED:
      return plan.reply === 'error' ? undefined : 'no callee gave it';
    case APP_INTERRUPTED:
      return canceled?.mode === 'kill' ? undefined : 'nobody asked to kill it';
    case ErrorUri.TIMEOUT:
      return timeoutMs > 0 && endMs - ms >= timeoutMs - TIMER_SLACK_MS ? undefined : 'its time was not up';
    case ErrorUri.CANCELED:
      if (canceled !== undefined || mayHaveLost(judgement, call, endMs)) return undefined;
      return whyUntroubled(judgement, call, endMs);
    case ErrorUri.NO_SUCH_PROCEDURE:
    case ErrorUri.NO_AVAILABLE_CALLEE:
      return invocations.length > 0 ? 'it was invoked' : whyNotFound(judgement, call, endMs, error);
    case ErrorUri.NETWORK_FAILURE:
      return whyUntroubled(judgement, call, endMs);
    case ErrorUri.UNAVAILABLE:
      // By its own node, when the caller's turn to go has come.
      if (invocations.length > 0) return 'it was invoked';
      if (isSentAway(call.session)) return undefined;
      return leftMeanwhile(judgement, call.session, endMs) ? undefined : 'its caller was not sent away';
    default:
      return 'nobody sent that';
  }
}

/** By a node that leaves, with either farewell. */
function isSentAway({ ended }: SessionRecord): boolean {
  return ended?.reason === CloseUri.SYSTEM_SHUTDOWN || ended?.reason.startsWith('closed 1012') === true;
}

/** Its turn to go had come, and it went by its own will before the node closed its connection. */
function leftMeanwhile({ evidence }: Judgement, { node, ended }: SessionRecord, endMs: number): boolean {
  const isOwnWill = ended !== undefined && [LEFT, DROPPED].includes(ended.reason);
  return isOwnWill && ended.ms >= endMs && evidence.drainsFromMs(node) <= endMs;
}

/** A callee that ended may have had the call, also if it was not there any more to see it. */
function mayHaveLost(judgement: Judgement, call: CallRecord, endMs: number): boolean {
  return holdersDuring(judgement, call, endMs).some(({ session }) => endedBefore(session, endMs));
}

/** The end of a session is seen by its client a little after the router acts on it, or before. */
function endedBefore({ ended }: SessionRecord, endMs: number): boolean {
  return ended !== undefined && ended.ms <= endMs + 1_000;
}

/** Not without a fault, while the session of the callee ends in good order. */
const LOSSES: readonly string[] = [ErrorUri.CANCELED, ErrorUri.NETWORK_FAILURE];

/** Its own node and all that held the procedure were well: local calls above all never fail for what others suffer (G6). */
function whyUntroubled(judgement: Judgement, call: CallRecord, endMs: number): string | undefined {
  const { evidence, terms } = judgement;
  const holders = holdersDuring(judgement, call, endMs);
  const nodes = new Set(holders.map(({ session }) => session.node));
  const here = call.session.node;
  const isLocal = nodes.size === 1 && nodes.has(here);
  if (isLocal && holders.every(({ session }) => session.ended === undefined))
    return 'caller and callee are on one node';
  if ([here, ...nodes].some((node) => isTroubled(terms, node, call.ms - terms.noticeMs, endMs))) return undefined;
  const isAfterGap = [...nodes].some((node) =>
    [...evidence.gapsMs(here, node), ...evidence.gapsMs(node, here)].some(
      (gap) => gap >= call.ms - TIMER_SLACK_MS && gap <= endMs + TIMER_SLACK_MS,
    ),
  );
  return isAfterGap ? undefined : 'nothing was wrong with any node it needs';
}

/**
 * A callee on a node that nobody may take for dead held the procedure all the time (G2): what cannot be reached is
 * `network_failure`, whatever the store or the caller's node went through (G6).
 */
function whyNotFound(judgement: Judgement, call: CallRecord, endMs: number, error: string): string | undefined {
  const { terms } = judgement;
  const sure = holdersDuring(judgement, call, endMs).find((holder) => {
    const { session, from, asked } = holder;
    const end = endOfHolding(holder);
    // The registering session's own calls wait for its REGISTERED (G10).
    const isThere = from !== undefined && (session === call.session ? asked : from).at < call.at;
    const holds = isThere && (end === undefined || end.ms > endMs + terms.ghostMs);
    const isFull = error === ErrorUri.NO_AVAILABLE_CALLEE && mayBeFull(holder, call.ms, endMs);
    const isDead = session.node !== call.session.node && isMortal(terms, [session.node], call.ms, endMs);
    return holds && !isFull && !isDead && !hasRival(judgement, holder, call, endMs);
  });
  return sure === undefined ? undefined : `${sure.session.member} on ${sure.session.node} holds it`;
}

/** Another node may have known of its work in hand for a while longer. */
function mayBeFull({ session, concurrency }: RegistrationRecord, fromMs: number, toMs: number): boolean {
  if (concurrency === 0) return false;
  const atWork = session.invocations.filter(
    ({ ms, answered, interrupted }) =>
      ms <= toMs + BUSY_MEMORY_MS && ((answered ?? interrupted)?.ms ?? Infinity) >= fromMs - BUSY_MEMORY_MS,
  );
  return atWork.length >= concurrency;
}

/** Somebody takes the procedure over, or has done so and left again. */
function hasRival(judgement: Judgement, holder: RegistrationRecord, call: CallRecord, endMs: number): boolean {
  if (holder.invoke !== 'single') return false;
  return holdersDuring(judgement, call, endMs).some((one) => one !== holder);
}

/** When it ended, or when its node was known to be dead. */
export function lastKnownMs(terms: Terms, record: RegistrationRecord): number {
  const end = endOfHolding(record);
  return end === undefined ? Infinity : endOfTrouble(terms, [record.session.node], end.ms);
}

function holdersDuring({ journal, terms }: Judgement, call: CallRecord, endMs: number): RegistrationRecord[] {
  return journal.registrations.filter(
    (one) =>
      matches(call.procedure, one.procedure, one.match) &&
      one.asked.ms <= endMs &&
      lastKnownMs(terms, one) >= call.ms - terms.ghostMs,
  );
}

/**
 * Between one caller and one callee, in the order of the calls (ORD-3). Only a call that went to another callee first comes
 * late (RRT-1, SHR-7): what nobody else held at the time did not.
 */
function judgeInvocations(judgement: Judgement, session: SessionRecord): string[] {
  const { journal, evidence } = judgement;
  const violations: string[] = [];
  const lastOf = new Map<SessionRecord, number>();
  for (const { call: number, ms } of session.invocations) {
    const call = journal.calls[number];
    if (call === undefined) {
      violations.push(`BRK-9: ${session.member} was invoked for call ${number}, which nobody made`);
      continue;
    }
    const last = lastOf.get(call.session) ?? -1;
    const mayBeRerouted =
      evidence.reroutedCount(call.session.node) > 0 && holdersDuring(judgement, call, ms).length > 1;
    if (number < last && !mayBeRerouted) {
      const later = journal.calls[last]?.procedure ?? '';
      violations.push(
        `G1, ORD-3: ${session.member} got call ${number} of ${call.session.member} to ${call.procedure} after the later ${last} to ${later}`,
      );
    }
    lastOf.set(call.session, Math.max(last, number));
  }
  return violations;
}
