import { lossOfSession, type Evidence, type Terms } from './judge.js';
import {
  endOfHolding,
  matches,
  type Journal,
  type PublicationRecord,
  type SessionRecord,
  type SubscriptionRecord,
} from './journal.js';

/** Clocks of two processes, and a log line that is written a little before the client sees anything. */
const SLACK_MS = 100;

export function judgeEvents(journal: Journal, evidence: Evidence, terms: Terms): string[] {
  return [
    ...journal.sessions.flatMap((session) => judgeArrivals(journal, session)),
    ...judgeAcknowledgements(journal, evidence, terms),
    ...judgeLosses(journal, evidence, terms),
  ];
}

/** Order between each publisher and this session (G1), no event twice per subscription (G4), none that is not due. */
function judgeArrivals({ publications }: Journal, session: SessionRecord): string[] {
  const violations: string[] = [];
  const lastOf = new Map<SessionRecord, number>();
  const seen = new Map<SubscriptionRecord, Set<number>>();
  for (const { subscription, publication: number } of session.events) {
    const publication = publications[number];
    const what = `${session.member} got publication ${number} for ${subscription.match} "${subscription.topic}"`;
    if (publication === undefined) {
      violations.push(`BRK-9: ${what}, which nobody made`);
      continue;
    }
    if (!matches(publication.topic, subscription.topic, subscription.match))
      violations.push(`PBS-1: ${what}, but it was made to "${publication.topic}"`);
    if (publication.session === session) violations.push(`BRK-7: ${what}, but made it itself`);
    const got = seen.get(subscription) ?? new Set();
    seen.set(subscription, got);
    if (got.has(number)) violations.push(`G4: ${what} twice`);
    got.add(number);
    const last = lastOf.get(publication.session) ?? -1;
    if (number < last) violations.push(`G1: ${what} after the later ${last} of ${publication.session.member}`);
    lastOf.set(publication.session, Math.max(last, number));
  }
  return violations;
}

function judgeAcknowledgements({ publications }: Journal, evidence: Evidence, { answerMs }: Terms): string[] {
  return publications.flatMap(({ number, acknowledge, answers, session, ms }) => {
    const what = `publication ${number} of ${session.member}`;
    if (!acknowledge) return answers.length === 0 ? [] : [`BRK-6: ${what} was answered unasked`];
    if (answers.length > 1) return [`G4: ${what} was answered ${answers.length} times`];
    const [answer] = answers;
    if (answer === undefined) return lossOfSession(session) === undefined ? [`G4: ${what} was never answered`] : [];
    const tookMs = Math.round(answer.ms - ms);
    return tookMs > answerMs + evidence.latenessMs(ms, answer.ms)
      ? [`G4: ${what} was answered after ${tookMs} ms`]
      : [];
  });
}

/** Each publication after SUBSCRIBED has come, or something says why not (G2, G4). */
function judgeLosses(journal: Journal, evidence: Evidence, terms: Terms): string[] {
  const violations: string[] = [];
  // A refusal is counted once, whatever the number of subscribers that would have got it.
  const refused = new Map<string, Set<number>>();
  for (const { publication, subscription, got } of lossesIn(journal)) {
    if (isExplained(publication, subscription, got, evidence, terms)) continue;
    if (mayBeRefused(publication, subscription)) {
      const numbers = refused.get(publication.session.node) ?? new Set();
      refused.set(publication.session.node, numbers.add(publication.number));
    } else violations.push(lossOf(publication, subscription));
  }
  for (const [node, numbers] of refused) {
    const answeredCount = journal.publications.filter(
      ({ session, answers }) => session.node === node && answers.some(({ error }) => error !== ''),
    ).length;
    const countedCount = evidence.refusedCount(node) - answeredCount;
    if (numbers.size > countedCount)
      violations.push(
        `G4: ${numbers.size} unacknowledged publications of ${node} never came, but it counts ${countedCount}: ${[...numbers].slice(0, 20).join(', ')}`,
      );
  }
  return violations;
}

interface Loss {
  readonly publication: PublicationRecord;
  readonly subscription: SubscriptionRecord;
  /** The last publication of the same publisher that came to the same session. */
  readonly got: number;
}

function* lossesIn({ subscriptions, publications }: Journal): Generator<Loss> {
  for (const subscription of subscriptions) {
    const { session, from, topic, match } = subscription;
    if (from === undefined) continue;
    const endAt = endOfHolding(subscription)?.at ?? Infinity;
    const received = new Set<number>();
    const lastOf = new Map<SessionRecord, number>();
    for (const event of session.events) {
      if (event.subscription === subscription) received.add(event.publication);
      const publisher = publications[event.publication]?.session;
      if (publisher !== undefined) lastOf.set(publisher, event.publication);
    }
    for (const publication of publications) {
      const isDue =
        publication.at > from.at &&
        publication.at < endAt &&
        publication.session !== session &&
        matches(publication.topic, topic, match);
      if (isDue && !received.has(publication.number))
        yield { publication, subscription, got: lastOf.get(publication.session) ?? -1 };
    }
  }
}

function isExplained(
  publication: PublicationRecord,
  subscription: SubscriptionRecord,
  lastGot: number,
  evidence: Evidence,
  { noticeMs, endingMs }: Terms,
): boolean {
  const { session: publisher, answers, number, ms } = publication;
  if (answers.some(({ error }) => error !== '')) return true;
  // Who ends loses what was under way: the last things, never something in between.
  const isTail = lastGot < number;
  const isUnconfirmed = answers.length === 0;
  const ends = [lossOfSession(subscription.session), isUnconfirmed ? lossOfSession(publisher) : undefined];
  const isInTime = (endMs: number): boolean => ms >= endMs - endingMs - evidence.latenessMs(ms, endMs);
  if (isTail && ends.some((end) => end !== undefined && isInTime(end.ms))) return true;
  const [at, from] = [subscription.session.node, publisher.node];
  return (
    at !== from &&
    evidence.gapsMs(at, from).some((gap) => gap >= ms - SLACK_MS && gap <= ms + noticeMs + evidence.latenessMs(ms, gap))
  );
}

/** Nobody said anything to its publisher, and it had to leave the node: a counter has to say it. */
function mayBeRefused({ acknowledge, session }: PublicationRecord, subscription: SubscriptionRecord): boolean {
  return !acknowledge && session.node !== subscription.session.node;
}

function lossOf({ number, session, topic, acknowledge, ms }: PublicationRecord, to: SubscriptionRecord): string {
  const kind = acknowledge ? 'acknowledged' : 'unacknowledged';
  const when = new Date(ms).toISOString();
  return (
    `G4: ${to.session.member} on ${to.session.node} never got ${kind} publication ${number} of ${session.member} on ` +
    `${session.node} to "${topic}" at ${when} (${to.match} "${to.topic}"), and nothing says why`
  );
}
