import { ErrorUri } from '../../../src/wamp/uris.js';
import { endOfTrouble, lossOfSession, wasTrouble, type Evidence, type Terms } from './judge.js';
import {
  admits,
  endOfHolding,
  matches,
  type EventRecord,
  type Journal,
  type PublicationRecord,
  type SessionRecord,
  type SubscriptionRecord,
} from './journal.js';

/** Clocks of two processes, and a log line that is written a little before the client sees anything. */
const SLACK_MS = 100;
/** From SUBSCRIBED until the client has read what waited for it. */
const RELEASE_MS = 1_000;

export function judgeEvents(journal: Journal, evidence: Evidence, terms: Terms): string[] {
  return [
    ...journal.sessions.flatMap((session) => judgeArrivals(journal, session)),
    ...judgeAcknowledgements(journal, evidence, terms),
    ...judgeLosses(journal, evidence, terms),
  ];
}

/** Order between each publisher and this session (G1), no event twice per subscription (G4), none that is not due. */
function judgeArrivals(journal: Journal, session: SessionRecord): string[] {
  const { publications } = journal;
  const violations: string[] = [];
  const lastOf = new Map<SessionRecord, number>();
  const seen = new Map<SubscriptionRecord, Set<number>>();
  for (const event of session.events) {
    const { subscription, publication: number } = event;
    const publication = publications[number];
    const what = `${session.member} got publication ${number} for ${subscription.match} "${subscription.topic}"`;
    if (publication === undefined) {
      violations.push(`BRK-9: ${what}, which nobody made`);
      continue;
    }
    if (!matches(publication.topic, subscription.topic, subscription.match))
      violations.push(`PBS-1: ${what}, but it was made to "${publication.topic}"`);
    if (publication.session === session && publication.audience.excludeMe)
      violations.push(`BRK-7: ${what}, but made it itself`);
    else if (!admits(publication, session)) violations.push(`BWL-1: ${what}, which was not for it`);
    const got = seen.get(subscription) ?? new Set();
    seen.set(subscription, got);
    if (got.has(number)) violations.push(`G4: ${what} twice`);
    got.add(number);
    const last = lastOf.get(publication.session) ?? -1;
    if (number < last && !mayBeOvertaken(journal, publication, event))
      violations.push(`G1: ${what} after the later ${last} of ${publication.session.member}`);
    lastOf.set(publication.session, Math.max(last, number));
  }
  return violations;
}

/** UNSUBSCRIBE does not wait: what a session published itself and waits for a SUBSCRIBED stays behind then (G10). */
function mayBeOvertaken({ subscriptions }: Journal, publication: PublicationRecord, event: EventRecord): boolean {
  const { session, from } = event.subscription;
  if (publication.session !== session || from === undefined || publication.at > from.at) return false;
  return subscriptions.some(
    ({ session: other, until }) =>
      other === session && until !== undefined && until.at > publication.at && until.at < event.at,
  );
}

function judgeAcknowledgements({ publications }: Journal, evidence: Evidence, terms: Terms): string[] {
  return publications.flatMap(({ number, acknowledge, answers, session, ms }) => {
    const what = `publication ${number} of ${session.member}`;
    if (!acknowledge) return answers.length === 0 ? [] : [`BRK-6: ${what} was answered unasked`];
    if (answers.length > 1) return [`G4: ${what} was answered ${answers.length} times`];
    const [answer] = answers;
    if (answer === undefined) return lossOfSession(session) === undefined ? [`G4: ${what} was never answered`] : [];
    const tookMs = Math.round(answer.ms - ms);
    const limitMs = endOfTrouble(terms, [session.node], ms) - ms + terms.answerMs + evidence.latenessMs(ms, answer.ms);
    if (tookMs > limitMs) return [`G4: ${what} was answered after ${tookMs} ms`];
    const reason = answer.error === '' ? undefined : whyWrong(evidence, terms, ms, answer);
    return reason === undefined ? [] : [`G4: ${what} was answered ${answer.error}: ${reason}`];
  });
}

/** A publication is refused only while some node cannot be reached, or when it is too large (G6). */
function whyWrong(
  evidence: Evidence,
  terms: Terms,
  ms: number,
  answer: { readonly ms: number; readonly error: string },
): string | undefined {
  if (answer.error === ErrorUri.LIMIT_EXCEEDED) return undefined;
  if (answer.error !== ErrorUri.NETWORK_FAILURE) return 'no rule allows this error';
  const isTroubled = wasTrouble(terms, ms - terms.noticeMs, answer.ms);
  return isTroubled || evidence.latenessMs(ms, answer.ms) > 0 ? undefined : 'nothing was wrong with any node';
}

/** Each publication after SUBSCRIBED has come, or a metric or a log line gives the reason (G2, G4). */
function judgeLosses(journal: Journal, evidence: Evidence, terms: Terms): string[] {
  const violations: string[] = [];
  // A refusal is counted once, whatever the number of subscribers that would have got it.
  const refused = new Map<string, Set<number>>();
  for (const loss of lossesIn(journal)) {
    const { publication, subscription } = loss;
    if (isExplained(loss, evidence, terms) || waitedInVain(journal, publication, subscription)) continue;
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
  /** And to this subscription. */
  readonly gotHere: number;
}

function* lossesIn({ subscriptions, publications }: Journal): Generator<Loss> {
  for (const subscription of subscriptions) {
    const { session, asked, from, topic, match } = subscription;
    if (from === undefined) continue;
    const endAt = endOfHolding(subscription)?.at ?? Infinity;
    const received = new Set<number>();
    const lastOf = new Map<SessionRecord, number>();
    const lastHereOf = new Map<SessionRecord, number>();
    for (const event of session.events) {
      const isHere = event.subscription === subscription;
      if (isHere) received.add(event.publication);
      const publisher = publications[event.publication]?.session;
      if (publisher === undefined) continue;
      lastOf.set(publisher, event.publication);
      if (isHere) lastHereOf.set(publisher, event.publication);
    }
    const lastIn = (last: ReadonlyMap<SessionRecord, number>, { session: publisher }: PublicationRecord): number =>
      last.get(publisher) ?? -1;
    for (const publication of publications) {
      // What a session publishes itself waits for its SUBSCRIBED (G10).
      const since = publication.session === session ? asked.at : from.at;
      const isDue =
        publication.at > since &&
        publication.at < endAt &&
        matches(publication.topic, topic, match) &&
        admits(publication, session);
      if (isDue && !received.has(publication.number))
        yield {
          publication,
          subscription,
          got: lastIn(lastOf, publication),
          gotHere: lastIn(lastHereOf, publication),
        };
    }
  }
}

function isExplained({ publication, subscription, got, gotHere }: Loss, evidence: Evidence, terms: Terms): boolean {
  const { session: publisher, answers, number, ms } = publication;
  if (answers.some(({ error }) => error !== '')) return true;
  const [at, from] = [subscription.session.node, publisher.node];
  // What made things late made more of them be under way.
  const lateMs = endOfTrouble(terms, [at, from], ms);
  const wasUnderWay = (end: { readonly ms: number } | undefined): boolean =>
    end !== undefined && lateMs >= end.ms - terms.endingMs - evidence.latenessMs(ms, end.ms);
  // Who ends loses what was under way: the last things, never something in between.
  const isUnconfirmed = answers.length === 0;
  const ends = [lossOfSession(subscription.session), isUnconfirmed ? lossOfSession(publisher) : undefined];
  if (got < number && ends.some(wasUnderWay)) return true;
  if (gotHere < number && wasUnderWay(subscription.until)) return true;
  return (
    at !== from &&
    evidence
      .gapsMs(at, from)
      .some((gap) => gap >= ms - SLACK_MS && gap <= lateMs + terms.noticeMs + evidence.latenessMs(ms, gap))
  );
}

/** What a session publishes to itself waits behind what waits for a SUBSCRIBED, and is dropped when the session ends (G10). */
function waitedInVain(
  { subscriptions }: Journal,
  publication: PublicationRecord,
  { session }: SubscriptionRecord,
): boolean {
  const { ended } = session;
  if (publication.session !== session || ended === undefined) return false;
  return subscriptions.some(
    (one) =>
      one.session === session &&
      one.asked.at < publication.at &&
      one.refusals.every(({ at }) => at > publication.at) &&
      (one.from?.ms ?? Infinity) > ended.ms - RELEASE_MS,
  );
}

/** Its publisher received no answer, and it had to leave the node: a counter has to show it. */
function mayBeRefused({ acknowledge, session }: PublicationRecord, subscription: SubscriptionRecord): boolean {
  return !acknowledge && session.node !== subscription.session.node;
}

function lossOf({ number, session, topic, acknowledge, ms }: PublicationRecord, to: SubscriptionRecord): string {
  const kind = acknowledge ? 'acknowledged' : 'unacknowledged';
  const when = new Date(ms).toISOString();
  return (
    `G4: ${to.session.member} on ${to.session.node} never got ${kind} publication ${number} of ${session.member} on ` +
    `${session.node} to "${topic}" at ${when} (${to.match} "${to.topic}"), without a reason in any metric or log`
  );
}
