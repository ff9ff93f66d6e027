import { ErrorUri } from '../../src/wamp/uris.js';
import { APP_ERROR, APP_INTERRUPTED } from './callee.js';
import type { Client } from './client.js';
import {
  admits,
  matches,
  type CallRecord,
  type Participant,
  type ParticipantNode,
  type PublicationRecord,
  type RegistrationRecord,
  type SubscriptionRecord,
} from './journal.js';
import type { World } from './world.js';

/** Checks the promises after everything under way has arrived and every timeout has run out. */
export function judgeSettled(world: World): void {
  for (const client of world.openClients) judgeAnswers(world, client);
  for (const subscription of world.journal.subscriptions) {
    judgeEvents(world, subscription);
    judgeOwnEvents(world, subscription);
    judgeRetained(world, subscription);
  }
  for (const publication of world.journal.publications) judgeIsolated(world, publication);
  for (const call of world.journal.calls) judgeCall(world, call);
  for (const { id, isOut } of world.liveNodes)
    if (isOut) world.journal.violate('G6', `${id} has not recovered although all faults have ended`);
  judgeSingles(world);
  judgeMembership(world);
  judgeFenced(world);
}

/** Checks that nothing is left anywhere after every session has left (G5, SES-13). */
export function judgeEmpty(world: World): void {
  for (const node of world.liveNodes) {
    const { broker, dealer } = node.realm;
    const left = {
      ...dealer.sizes(),
      subscriptions: broker.subscriptionCount,
      receivers: broker.receiverCount,
      subscribers: broker.subscriberCount,
      sessions: node.sessionCount,
      heldBytes: node.heldTotal.bytes,
      interestedNodes: world.cluster.interestedNodes(node.id, node.realm.uri).length,
      rows: world.cluster.rowCount(node.id) - world.cluster.ownRowCount,
    };
    for (const [what, count] of Object.entries(left))
      if (count !== 0) world.journal.violate('G5, SES-13', `${node.id} is left with ${count} ${what}`);
  }
  for (const call of world.journal.calls)
    if (call.end === undefined && call.client.goneAt === Infinity)
      world.journal.violate('G3, DLR-12', `call ${call.number} never ended although its callees have left`);
}

/** The session got a later retained event of the topic and node, and must not get this one behind it (ADR 35). */
function isSuperseded(
  { isRetained, topic, number, client }: PublicationRecord,
  { replayed }: SubscriptionRecord,
): boolean {
  if (replayed === undefined || !isRetained) return false;
  return replayed.topic === topic && replayed.client.node === client.node && number < replayed.number;
}

/** Checks that the newest retained event of a topic came, where its PUBLISHED came before SUBSCRIBE (RET-2). */
function judgeRetained({ journal }: World, subscription: SubscriptionRecord): void {
  const { client, topic, match, askedAt, from, until, wantsRetained, received } = subscription;
  // A node that was cut off cannot ask the store.
  if (!wantsRetained || match !== 'exact' || until !== Infinity || client.node.isolatedAt.length > 0) return;
  const newest = journal.publications.findLast((one) => one.isRetained && one.topic === topic && one.at < from);
  if (newest?.answer !== 'published' || newest.answeredAt > askedAt || newest.audience !== 'everybody') return;
  if (!admits(newest, client) || received.has(newest.number)) return;
  // Of two sessions' publications, the one that is handled last is the newest.
  if (
    journal.publications.some(
      (one) => one.isRetained && one.topic === topic && one.at < newest.at && one.handledAt > newest.at,
    )
  )
    return;
  journal.violate('RET-2', `${client.name} never got the retained publication ${newest.number} of ${topic}`);
}

function judgeAnswers({ journal }: World, client: Client): void {
  for (const [request, { kind }] of client.asked)
    journal.violate('G2', `${client.name} never got an answer to its ${kind} ${request}`);
  for (const request of client.publishing.keys())
    journal.violate('BRK-6', `${client.name} never got an answer to its publish ${request}`);
}

/** Checks that each publication after SUBSCRIBED has arrived, or that a record explains its loss (G2, G4). */
function judgeEvents(world: World, subscription: SubscriptionRecord): void {
  const { journal } = world;
  for (const publication of journal.publications) {
    const isDue =
      publication.at > subscription.from &&
      publication.at < subscription.until &&
      matches(publication.topic, subscription.topic, subscription.match) &&
      admits(publication, subscription.client);
    if (isDue && !subscription.received.has(publication.number) && !isExplained(world, publication, subscription))
      journal.violate(
        'G2, G4',
        `${subscription.client.name} never got publication ${publication.number} of ${publication.client.name} to ${publication.topic}`,
      );
  }
}

/** A node that was declared dead does not know the later subscriptions: it sends no PUBLISHED, and counts every publication (G4, G6). */
function judgeIsolated({ journal }: World, publication: PublicationRecord): void {
  const { at, handledAt, number, client, answer, isRefused } = publication;
  // What a node has not handled when it leaves ends with it.
  if (client.node.declaredDeadAt > at || client.node.goneAt < handledAt) return;
  if (answer === 'published' || !isRefused)
    journal.violate(
      'G4, G6',
      `publication ${number} of ${client.name}, whose node was declared dead: ${answer ?? 'not counted'}`,
    );
}

/** Checks that a session has received its own publications behind its SUBSCRIBE, after SUBSCRIBED (G10). */
function judgeOwnEvents({ journal }: World, subscription: SubscriptionRecord): void {
  const { client, askedAt, from, received } = subscription;
  if (!client.isOpen) return;
  for (const publication of journal.publications) {
    const isDue =
      publication.client === client &&
      publication.at > askedAt &&
      publication.at < from &&
      matches(publication.topic, subscription.topic, subscription.match) &&
      admits(publication, client);
    if (isDue && !received.has(publication.number) && !isSuperseded(publication, subscription))
      journal.violate('G10', `${client.name} never got publication ${publication.number}, sent behind its SUBSCRIBE`);
  }
}

function isExplained({ journal }: World, publication: PublicationRecord, subscription: SubscriptionRecord): boolean {
  const { at, handledAt, client, isRefused } = publication;
  if (isSuperseded(publication, subscription)) return true;
  // A session that ends its subscription while an event is under way may miss the event.
  if (!journal.wasQuiet(at, subscription.until) && subscription.until !== Infinity) return true;
  const [from, to] = [client.node, subscription.client.node];
  if (from === to) return client === subscription.client && leftWaiting(client, at);
  // A node that was declared dead gets no events, and does not know the later subscriptions.
  if (isRefused || Math.min(to.goneAt, from.goneAt) < handledAt) return true;
  if (from.state === 'dead' && !journal.wasQuiet(at, from.goneAt)) return true;
  // A node that leaves before the gap is reported receives no report, or cannot send one.
  const wasCutOff = [...from.isolatedAt, ...to.isolatedAt].some(
    (cut) => !journal.wasQuiet(Math.min(at, cut), Math.max(at, cut)),
  );
  if (wasCutOff && Math.min(from.goneAt, subscription.until) !== Infinity) return true;
  return to.gapNotices.some(
    (gap) => gap.from === from.id && gap.at > at && (wasCutOff || !journal.wasQuiet(at, gap.at)),
  );
}

/** True if the client has left while its own publication waited behind a SUBSCRIBE (G10). */
function leftWaiting({ goneAt, asked }: Participant, at: number): boolean {
  return goneAt !== Infinity && [...asked.values()].some((request) => request.kind === 'subscribe' && request.at < at);
}

function judgeCall(world: World, call: CallRecord): void {
  const { journal } = world;
  const what = `call ${call.number} of ${call.client.name} to ${call.procedure}`;
  for (const { client, answer, isInterrupted, request } of call.invocations) {
    const isOver = call.end !== undefined || !call.client.isOpen;
    const mustStop = client.isOpen && client.canBeInterrupted && answer === undefined && call.cancelMode !== 'skip';
    if (isOver && mustStop && !isInterrupted)
      journal.violate('G5, DLR-11', `${what} is over but ${client.name} still works on invocation ${request}`);
  }
  if (call.end === undefined) {
    if (call.client.isOpen && !mayStillWait(call)) journal.violate('G3', `${what} never ended`);
    return;
  }
  const reason = whyWrong(world, call, call.end.error);
  if (reason !== undefined) journal.violate('G3', `${what} ended with ${call.end.error || 'a RESULT'}: ${reason}`);
}

/** A live callee may take any time if the call has no timeout. */
function mayStillWait({ invocations, timeoutMs, plan, cancelMode }: CallRecord): boolean {
  const callee = invocations.at(-1)?.client;
  if (callee?.isOpen !== true || timeoutMs > 0) return false;
  return plan.reply === 'silence' && (cancelMode === undefined || (cancelMode === 'kill' && !callee.canBeInterrupted));
}

function whyWrong(world: World, call: CallRecord, error: string): string | undefined {
  const { plan, invocations, cancelMode, timeoutMs, at, atMs, end } = call;
  switch (error) {
    case '':
      return plan.reply === 'result' || plan.reply === 'unavailable' ? undefined : 'no callee gave one';
    case APP_ERROR:
      return plan.reply === 'error' ? undefined : 'no callee gave it';
    case APP_INTERRUPTED:
      return cancelMode === 'kill' ? undefined : 'nobody asked to kill it';
    case ErrorUri.CANCELED:
      return cancelMode !== undefined || calleeWasLost(call) ? undefined : 'nobody canceled it or left';
    case ErrorUri.TIMEOUT:
      return timeoutMs > 0 && (end?.atMs ?? 0) - atMs >= timeoutMs ? undefined : 'its time was not up';
    case ErrorUri.NETWORK_FAILURE:
      // A receipt shows that a node has died before the others declare it dead (ADR 23).
      return world.nodes.some(
        (node) => wasTroubled(node, end?.at ?? Infinity) || (node.state === 'dead' && node.goneAt < (end?.at ?? 0)),
      )
        ? undefined
        : 'nothing was lost and nobody cut off';
    case ErrorUri.UNAVAILABLE:
      return plan.reply === 'unavailable' ? undefined : 'no callee sent that';
    case ErrorUri.NO_AVAILABLE_CALLEE:
      return undefined;
    case ErrorUri.FEATURE_NOT_SUPPORTED:
      return call.isChunked ? undefined : 'it asked for nothing special';
    case ErrorUri.NO_SUCH_PROCEDURE:
      if (call.client.node.declaredDeadAt < at) return 'its node cannot know';
      return invocations.length > 0 ? 'it was invoked' : whoWasThere(world, call);
    default:
      return 'nobody sent that';
  }
}

/** True if a message to the node was lost, or the node was unreachable, before that time (G6). */
function wasTroubled({ gapNotices, returnNotices, isolatedAt }: ParticipantNode, before: number): boolean {
  return gapNotices.length > 0 || returnNotices.length > 0 || isolatedAt.some((cut) => cut < before);
}

function calleeWasLost({ at, client, invocations, isChunked }: CallRecord): boolean {
  // A call that has sent its second chunk cannot go to another callee when the first has left.
  if (isChunked && invocations.every(({ answer }) => answer !== undefined)) return true;
  if (invocations.some(({ client: callee }) => callee.goneAt > at && callee.goneAt !== Infinity)) return true;
  // The callee's node may have died before the call, before the caller's node received the notice.
  return client.node.goneNotices.some((notice) => notice.at > at);
}

/**
 * A callee that was REGISTERED before the call and still is: the call had to find it (G2). Of its own session it is enough
 * that REGISTER was sent before (G10).
 */
function whoWasThere(world: World, call: CallRecord): string | undefined {
  const { journal } = world;
  const end = call.end?.at ?? 0;
  const matching = journal.registrations.filter(({ procedure, match }) => matches(call.procedure, procedure, match));
  const rivals = journal.claims.filter(
    ({ procedure, match, at }) => matches(call.procedure, procedure, match) && at < end,
  );
  // A callee that takes it over by force has it before its holder has it no more. A call that waited for its own session's REGISTER
  // and was passed meanwhile goes there or to nobody (ORD-3).
  const mayBeHomeOnly = ({ client, from }: RegistrationRecord): boolean => client === call.client && from > call.at;
  // Holders lose the procedure when its successor is REGISTERED, also one that is not REGISTERED yet, and may not have received
  // UNREGISTERED.
  const isForced = (one: RegistrationRecord): boolean =>
    journal.claims.some(({ force, at, ...claim }) => force && at === one.askedAt && keyOf(claim) === keyOf(one));
  const isTaken = (one: RegistrationRecord): boolean =>
    matching.some(
      (later) => keyOf(later) === keyOf(one) && later.from > one.askedAt && later.from < end && isForced(later),
    );
  const isKept = (one: RegistrationRecord): boolean =>
    (one.until > end && !isTaken(one)) ||
    (!mayBeHomeOnly(one) &&
      matching.some(
        (later) =>
          !isTaken(later) &&
          keyOf(later) === keyOf(one) &&
          later.from < one.until &&
          isThere(later) &&
          later.until > end,
      ));
  const isThere = ({ client: { node } }: RegistrationRecord): boolean =>
    !isCutOff(node, call) && !node.calleesLostAt.some((lost) => lost < end);
  const present = matching.find(
    (one) =>
      (one.client === call.client ? one.askedAt : one.from) < call.at &&
      isKept(one) &&
      isThere(one) &&
      !isCutOff(call.client.node, call) &&
      // A better match that has just ended was the registration to call (PBR-4).
      rivals.every((rival) => keyOf(rival) === keyOf(one) || rank(rival) < rank(one)),
  );
  return present === undefined ? undefined : `${present.client.name} had registered ${keyOf(present)}`;
}

function isCutOff(node: ParticipantNode, { at, end }: CallRecord): boolean {
  return node.isolatedAt.some((cut) => cut < (end?.at ?? at)) || node.gapNotices.some((gap) => gap.at > at);
}

function keyOf({ procedure, match }: Pick<RegistrationRecord, 'procedure' | 'match'>): string {
  return `${match} ${procedure}`;
}

function rank({ procedure, match }: Pick<RegistrationRecord, 'procedure' | 'match'>): number {
  if (match === 'exact') return 1_000;
  return match === 'prefix' ? 100 + procedure.length : 1;
}

/** Checks that one session holds each procedure whose policy is single (SHR-2). */
function judgeSingles({ journal }: World): void {
  const holders = new Map<string, RegistrationRecord>();
  for (const registration of journal.registrations) {
    if (registration.until !== Infinity) continue;
    const key = keyOf(registration);
    const other = holders.get(key);
    if (other !== undefined && (other.invoke === 'single' || other.invoke !== registration.invoke))
      journal.violate('SHR-1, SHR-2', `${other.client.name} and ${registration.client.name} both hold ${key}`);
    if (other !== undefined && other.id !== registration.id)
      journal.violate('SHR-4', `${key} has the ids ${other.id} and ${registration.id}`);
    holders.set(key, registration);
  }
}

/** Checks that each node that was declared dead has received that notice and has ended. */
function judgeFenced({ journal, nodes, liveNodes }: World): void {
  for (const { id, state, declaredDeadAt } of nodes) {
    if (state !== 'declared-dead') continue;
    // Where the store has lost that since, a node that received the notice declares it dead again, if there is one.
    const isForgotten = journal.rowLosses.some((lostAt) => lostAt > declaredDeadAt);
    const isKnown = liveNodes.some((other) => other.goneNotices.some(({ node }) => node === id));
    if (isKnown || !isForgotten) journal.violate('G5', `${id} was declared dead and lives on`);
  }
}

/** Whether the node, which lives, must have known of one that has gone since. Such a one leaves nothing behind in any case. */
function mustHaveKnown({ journal }: World, node: ParticipantNode, gone: ParticipantNode): boolean {
  // A node whose start failed may have ended before the others knew it.
  if (node.liveAt >= gone.goneAt || gone.liveAt >= gone.goneAt) return false;
  // One that starts after the store lost rows does not know of a node that has not come back (semantics, "What is not promised").
  if (journal.rowsLostAt < node.liveAt && gone.isolatedAt.length > 0) return false;
  // One whose row is lost dies before it has written it again: perhaps no other node has ever read it.
  if (gone.state === 'dead' && journal.lacksRowsAt(gone.goneAt)) return false;
  // A node that comes and goes while this one is cut off is unknown to it.
  return !node.isolatedAt.some((cut) => cut < gone.goneAt && !journal.wasQuiet(cut, gone.goneAt));
}

/** Checks that every node received one notice of each death, and keeps nothing of the dead node (G5). */
function judgeMembership(world: World): void {
  const { journal, liveNodes, nodes, cluster } = world;
  for (const gone of nodes.filter(({ state }) => state === 'dead' || state === 'stopped')) {
    const rows = cluster.rowCount(gone.id);
    if (rows !== 0) journal.violate('G5', `${gone.id} has gone but ${rows} rows of it are left`);
    for (const node of liveNodes) {
      const noticeCount = node.goneNotices.filter((notice) => notice.node === gone.id).length;
      if (noticeCount > 1 || (noticeCount === 0 && mustHaveKnown(world, node, gone)))
        journal.violate('G5', `${node.id} received ${noticeCount} times that ${gone.id} has gone`);
      if (cluster.interestedNodes(node.id, node.realm.uri).includes(gone.id))
        journal.violate('G5', `${node.id} believes ${gone.id} interested, which has gone`);
    }
  }
}
