import { isTroubled, type Evidence, type Terms } from '../checker/judge.js';
import { admits, endOf, endOfHolding, matches, type CallRecord, type Journal } from '../checker/journal.js';
import type { Router } from './router.js';

/** Between a fault and the end of the sample that shows it. */
const SAMPLE_SLACK_MS = 1_500;
/** What passes within a node takes no longer on a machine with nothing else to do. */
const LOCAL_MS = 1_000;

/** Nobody receives twice that a node is gone (G5). */
export function judgeGone(routers: readonly Router[]): string[] {
  return routers.flatMap((router) => {
    const gone = router
      .logged('backplane.node_gone')
      .map(({ fields, node }) => `${node ?? ''} of ${String(fields['peer'])}`);
    return [...new Set(gone)]
      .filter((peer) => gone.indexOf(peer) !== gone.lastIndexOf(peer))
      .map((peer) => `G5: received more than once that a node is gone: ${peer}`);
  });
}

/** A node reports that it is not ready only while something is wrong with it. Scenarios check by themselves that it does. */
export function judgeReadiness(routers: readonly Router[], given: Terms): string[] {
  const terms = { ...given, troubles: given.troubles.map((trouble) => ({ ...trouble, isDelay: false })) };
  return routers.flatMap(({ name, lives, working }) => {
    const wrong = working.find(
      ({ ready, ms }) => ready === false && !lives.some((node) => isTroubled(terms, node, ms - SAMPLE_SLACK_MS, ms)),
    );
    return wrong === undefined
      ? []
      : [`G6: ${name} was not ready (${wrong.reason ?? ''}) at ${new Date(wrong.ms).toISOString()} for no reason`];
  });
}

/**
 * Local events and results of that time that did not come, or came late: what passes between sessions of one node waits for
 * nothing else (G6). Each node must have had some.
 */
export function lateWithin(
  journal: Journal,
  { latenessMs }: Pick<Evidence, 'latenessMs'>,
  nodes: readonly string[],
  [fromMs, toMs]: readonly [fromMs: number, toMs: number],
): string[] {
  const nowMs = Date.now();
  const isThen = ({ ms }: { readonly ms: number }): boolean => ms >= fromMs && ms < toMs;
  const whyLate = (askedMs: number, dueMs: number, cameMs: number | undefined): string | undefined => {
    const tookMs = (cameMs ?? nowMs) - askedMs;
    if (tookMs <= dueMs + LOCAL_MS + latenessMs(askedMs, cameMs ?? nowMs)) return undefined;
    return cameMs === undefined ? 'has not come' : `came after ${Math.round(tookMs)} ms`;
  };
  return nodes.flatMap((node) => {
    const calls = localCalls(journal, node).filter(isThen);
    const events = localEvents(journal, node).filter(isThen);
    return [
      ...(calls.length === 0 ? [`nobody called within ${node}`] : []),
      ...(events.length === 0 ? [`nobody published within ${node}`] : []),
      ...calls.flatMap((call) => {
        const { number, plan, ms } = call;
        const end = endOf(call);
        const why = whyLate(ms, plan.delayMs * (plan.progressCount + 1), end?.ms) ?? end?.error ?? '';
        return why === '' ? [] : [`the result of call ${number} within ${node}: ${why}`];
      }),
      ...events.flatMap(({ number, ms, member, cameMs }) => {
        const why = whyLate(ms, 0, cameMs);
        return why === undefined ? [] : [`publication ${number} for ${member} within ${node} ${why}`];
      }),
    ];
  });
}

/** Calls that one callee, which is there, is to answer with a result. */
function localCalls({ calls, registrations }: Journal, node: string): CallRecord[] {
  const held = registrations.filter(
    (one) => one.session.node === node && one.invoke === 'single' && endOfHolding(one) === undefined,
  );
  return calls.filter(
    ({ session, procedure, plan, timeoutMs, canceled, at }) =>
      session.node === node &&
      session.ended === undefined &&
      plan.reply === 'result' &&
      timeoutMs === 0 &&
      canceled === undefined &&
      held.some((one) => one.procedure === procedure && one.from !== undefined && one.from.at < at),
  );
}

interface LocalEvent {
  readonly number: number;
  readonly member: string;
  /** When it was published. */
  readonly ms: number;
  readonly cameMs: number | undefined;
}

/** For each publication every subscription that is there. */
function localEvents({ publications, subscriptions }: Journal, node: string): LocalEvent[] {
  const open = subscriptions.filter(
    (one) => one.session.node === node && one.from !== undefined && endOfHolding(one) === undefined,
  );
  return open.flatMap((subscription) => {
    const { session, topic, match, from } = subscription;
    const came = new Map<number, number>();
    for (const event of session.events) if (event.subscription === subscription) came.set(event.publication, event.ms);
    return publications
      .filter(
        (one) =>
          one.session.node === node && one.at > from!.at && matches(one.topic, topic, match) && admits(one, session),
      )
      .map(({ number, ms }) => ({ number, member: session.member, ms, cameMs: came.get(number) }));
  });
}
