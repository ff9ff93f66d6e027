import type { PublicationId } from '../../wamp/ids.js';
import type { Publish } from '../../wamp/messages.js';
import type { Identity } from '../peer.js';
import type { Publication } from '../ports.js';

/** The publication of an accepted PUBLISH, without the mark of one that is to be retained. */
export function toPublication(
  id: PublicationId,
  publisher: Identity,
  [, , options, topic, payload]: Publish,
  disclosePublisher: boolean,
): Publication {
  const { excludeMe: excludePublisher, audience, passthru, trustLevel } = options;
  const plain = { id, topic, payload, publisher, excludePublisher, disclosePublisher };
  if (audience === undefined && passthru === undefined && trustLevel === undefined) return plain;
  return {
    ...plain,
    ...(audience !== undefined && { audience }),
    ...(passthru !== undefined && { passthru }),
    ...(trustLevel !== undefined && { trustLevel }),
  };
}

/** Both were retained by one node, the first one after the other. */
export function isLater({ retain: one }: Publication, { retain: other }: Publication): boolean {
  return one !== undefined && other !== undefined && one.node === other.node && one.number > other.number;
}
