import type { Publication, Subscription } from '../ports.js';
import type { Peer } from '../peer.js';
import { NO_DETAILS, type AudienceLists, type Dict, type TrustLevel } from '../../wamp/options.js';

/** True when every receiver gets the event, so that `admits` need not be called. */
export function isOpenToAll(publication: Publication): boolean {
  return !publication.excludePublisher && publication.audience === undefined;
}

/** Whether this session may receive the event: publisher exclusion and all six lists (BRK-7, BWL-1..BWL-4). */
export function admits(publication: Publication, receiver: Peer): boolean {
  if (publication.excludePublisher && receiver.session === publication.publisher.session) return false;
  return publication.audience === undefined || passes(publication.audience, receiver);
}

function passes(lists: AudienceLists, { session, authid, authrole }: Peer): boolean {
  return (
    (lists.eligible === undefined || lists.eligible.has(session)) &&
    (lists.eligibleAuthid === undefined || lists.eligibleAuthid.has(authid)) &&
    (lists.eligibleAuthrole === undefined || lists.eligibleAuthrole.has(authrole)) &&
    lists.exclude?.has(session) !== true &&
    lists.excludeAuthid?.has(authid) !== true &&
    lists.excludeAuthrole?.has(authrole) !== true
  );
}

/**
 * EVENT.Details, the same for all receivers of the subscription, or for those that receive the trust level (rules 7.4): the topic
 * for patterns only (PBS-3), the publisher when disclosed (rules 7.3), passthru details (PPT-1), whether it was retained
 * (RET-3). NO_DETAILS itself when there are none.
 */
export function eventDetails(
  publication: Publication,
  subscription: Pick<Subscription<Peer>, 'match'>,
  trustLevel?: TrustLevel,
): Dict {
  const { passthru, disclosePublisher, publisher, topic, isRetained } = publication;
  const namesTopic = subscription.match !== 'exact';
  const isPlain = !namesTopic && !disclosePublisher && passthru === undefined;
  if (isPlain && isRetained === undefined && trustLevel === undefined) return NO_DETAILS;
  const details: Record<string, unknown> = { ...passthru?.details };
  if (namesTopic) details['topic'] = topic;
  if (isRetained !== undefined) details['retained'] = true;
  if (trustLevel !== undefined) details['trustlevel'] = trustLevel;
  if (disclosePublisher) {
    details['publisher'] = publisher.session;
    details['publisher_authid'] = publisher.authid;
    details['publisher_authrole'] = publisher.authrole;
  }
  return details;
}
