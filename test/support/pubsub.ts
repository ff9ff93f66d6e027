import { HeldTotal } from '../../src/routing/held-total.js';
import { NO_PAYLOAD } from '../../src/codec/payload.js';
import type { deriveId } from '../../src/routing/derived-id.js';
import { Broker } from '../../src/routing/broker/broker.js';
import type { Peer } from '../../src/routing/peer.js';
import { Code } from '../../src/wamp/codes.js';
import type { RequestId, SubscriptionId } from '../../src/wamp/ids.js';
import type { Publish, RouterMessage, Subscribe, Unsubscribe } from '../../src/wamp/messages.js';
import type { MatchPolicy, PublishOptions } from '../../src/wamp/options.js';
import type { Payload } from '../../src/wamp/payload.js';
import { RecordingOutlet } from './recording-outlet.js';

export interface BrokerBench {
  readonly outlet: RecordingOutlet<Peer>;
  readonly broker: Broker<Peer>;
  limitCount: number;
  droppedCount: number;
}

/** A broker on a recording outlet. */
export function brokerBench(
  options: {
    settlesAtOnce?: boolean;
    maxSubscriptionsPerSession?: number;
    maxHeldMessages?: number;
    maxHeldBytes?: number;
    heldTotal?: HeldTotal;
    derive?: typeof deriveId;
  } = {},
): BrokerBench {
  const outlet = new RecordingOutlet<Peer>({ settlesAtOnce: options.settlesAtOnce ?? true });
  const broker = new Broker<Peer>({
    realm: 'realm1',
    outlet,
    sources: outlet,
    limits: {
      maxSubscriptionsPerSession: options.maxSubscriptionsPerSession ?? 1_000,
      maxHeldMessages: options.maxHeldMessages ?? 1_000,
      maxHeldBytes: options.maxHeldBytes ?? 1_000_000,
    },
    heldTotal: options.heldTotal ?? new HeldTotal(Infinity),
    derive: options.derive,
    onLimit: (limit) => {
      if (limit === 'held_events') bench.droppedCount++;
      else bench.limitCount++;
    },
  });
  const bench: BrokerBench = { outlet, broker, limitCount: 0, droppedCount: 0 };
  return bench;
}

export function publishMessage(
  request: number,
  topic: string,
  options: Partial<PublishOptions> = {},
  payload: Payload = NO_PAYLOAD,
): Publish {
  const all = { acknowledge: false, excludeMe: true, discloseMe: false, ...options };
  return [Code.PUBLISH, request as RequestId, all, topic, payload];
}

export function subscribeMessage(request: number, topic: string, match: MatchPolicy = 'exact'): Subscribe {
  return [Code.SUBSCRIBE, request as RequestId, { match }, topic];
}

/** SUBSCRIBE with get_retained. */
export function seekMessage(request: number, topic: string, match: MatchPolicy = 'exact'): Subscribe {
  return [Code.SUBSCRIBE, request as RequestId, { match, getRetained: true }, topic];
}

export function unsubscribeMessage(request: number, subscription: number): Unsubscribe {
  return [Code.UNSUBSCRIBE, request as RequestId, subscription as SubscriptionId];
}

/** Subscribes and gives the id; the outlet must settle at once. */
export function subscribeNow(
  { broker, outlet }: BrokerBench,
  peer: Peer,
  topic: string,
  match: MatchPolicy = 'exact',
): SubscriptionId {
  broker.subscribe(peer, subscribeMessage(1, topic, match));
  const message: RouterMessage | undefined = outlet.sentTo(peer).at(-1);
  if (message?.[0] !== Code.SUBSCRIBED) throw new Error(`no SUBSCRIBED for ${topic}`);
  return message[2];
}
