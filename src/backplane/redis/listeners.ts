import type { TopicChange } from '../backplane.js';
import type { Frame } from '../../routing/frames.js';
import type { Publication, Registration } from '../../routing/ports.js';
import type { Rest } from '../../routing/rest.js';
import type { ClusterCounters } from '../../telemetry/cluster-counters.js';
import type { Logger } from '../../telemetry/logger.js';
import type { RecurringLines } from '../../telemetry/recurring-lines.js';
import type { NodeId, Uri } from '../../wamp/ids.js';
import type { BackplaneEvents } from '../backplane.js';
import type { Answer, Question } from '../question.js';
import type { Questions } from '../questions.js';
import type { LostSession } from '../session-row.js';
import type { ConnectionsEvents } from './connection/ports.js';
import type { StoreLink } from './ports.js';
import type { Lanes } from './lanes/lanes.js';
import type { LaneTraffic, PeerObserver, QuestionReceiver, VersionReceiver } from './lanes/ports.js';
import type { Lifecycle } from './lifecycle.js';
import type { Membership } from './membership/membership.js';
import type { OwnMembershipEvents, PeerEvents } from './membership/ports.js';
import type { Hold } from './reachability/hold.js';
import type { LeaseCheckEvents } from './reachability/lease-check.js';
import type { OutageLog } from './reachability/outage-log.js';
import type { Prober } from './reachability/prober.js';
import type { Reachability, ReachabilityEvents } from './reachability/reachability.js';
import type { RealmEvents } from './realm/ports.js';
import type { ServedRealms } from './realm/served-realms.js';
import type { Recovery } from './recovery.js';
import type { SessionsDirectory } from './sessions/session-directory.js';
import type { NodeStanding } from './standing.js';

/**
 * Passes the events of one component on to components that are built after it. `connect` hands these over once all are built,
 * before the node starts; no component emits an event earlier.
 */
abstract class Listener<Targets> {
  #targets: Targets | undefined;

  connect(targets: Targets): void {
    this.#targets = targets;
  }

  protected get targets(): Targets {
    if (this.#targets === undefined) throw new Error(`${this.constructor.name}: an event came before the start`);
    return this.#targets;
  }
}

interface ConnectionTargets {
  readonly hold: Hold;
  readonly membership: Membership;
  readonly prober: Prober;
  readonly realms: ServedRealms;
  readonly reachability: Reachability;
}

export class StoreConnectionListener extends Listener<ConnectionTargets> implements ConnectionsEvents {
  message(channel: string, bytes: Uint8Array): void {
    this.targets.hold.receive(channel, bytes);
  }

  connected(isOtherServer: boolean): void {
    const { membership, prober, realms, reachability } = this.targets;
    membership.setListening(true);
    // Probes that were sent over the connections before do not arrive on these.
    prober.reset();
    // A replica that took over may lack what was written last, by whichever node.
    if (isOtherServer) realms.storeEmptied();
    reachability.recover();
  }

  disconnected(): void {
    this.targets.membership.setListening(false);
    this.targets.reachability.lost();
  }
}

interface TrafficTargets {
  readonly realms: ServedRealms;
  readonly questions: Questions;
  readonly events: BackplaneEvents;
}

/** Passes on the content of the lanes: messages to the node, versions to the realms, questions and answers. */
export class TrafficListener
  extends Listener<TrafficTargets>
  implements LaneTraffic, VersionReceiver, QuestionReceiver
{
  publication(from: NodeId, realm: Uri, publication: Publication): Rest | undefined {
    const { realms, events } = this.targets;
    return realms.get(realm) === undefined ? undefined : events.publication(from, realm, publication);
  }

  frame(from: NodeId, realm: Uri, frame: Frame): void {
    this.targets.events.frame(from, realm, frame);
  }

  gap(from: NodeId, reason: string): void {
    this.targets.events.gap(from, reason);
  }

  returned(to: NodeId, realm: Uri, frame: Frame): void {
    this.targets.events.returned(to, realm, frame);
  }

  confirmed(from: NodeId, realm: Uri, version: number): void {
    this.targets.realms.get(realm)?.confirmed(from, version);
  }

  asked(from: NodeId, realm: Uri, version: number): void {
    this.targets.realms.asked(from, realm, version);
  }

  questioned(from: NodeId, item: Question | Answer): void {
    this.targets.questions.receive(from, item);
  }
}

/** Passes on to the membership what receipts and messages show about other nodes. */
export class PeerListener implements PeerObserver {
  readonly #membership: Membership;
  readonly #standing: NodeStanding;
  readonly #logger: Logger;

  constructor(membership: Membership, standing: NodeStanding, logger: Logger) {
    this.#membership = membership;
    this.#standing = standing;
    this.#logger = logger;
  }

  unreachable(peer: NodeId): void {
    this.#logger.warn({ peer }, 'backplane.peer_unreachable');
    this.#membership.absent(peer);
  }

  reachable(peer: NodeId): void {
    this.#logger.info({ peer }, 'backplane.peer_reachable');
    this.#membership.present(peer);
  }

  unknownSender(): void {
    this.#membership.suspect();
  }

  denied(): void {
    this.#standing.denied();
  }
}

interface MembershipTargets {
  readonly lanes: Lanes;
  readonly realms: ServedRealms;
  readonly questions: Questions;
  readonly standing: NodeStanding;
  readonly recovery: Recovery;
  readonly lifecycle: Lifecycle;
  readonly events: BackplaneEvents;
}

export class MembershipListener extends Listener<MembershipTargets> implements PeerEvents, OwnMembershipEvents {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    super();
    this.#logger = logger;
  }

  entered(peer: NodeId, reads: readonly number[]): void {
    this.#logger.info({ peer }, 'backplane.peer_entered');
    this.targets.lanes.open(peer, reads);
  }

  /** This node has removed these rows. */
  sessionsLost(peer: NodeId, sessions: readonly LostSession[]): void {
    const { lanes, standing, events } = this.targets;
    // Subscribers receive what the sessions published before their testaments and their end.
    lanes.deliverRest(peer);
    if (!standing.isOver) events.sessionsLost?.(peer, sessions);
  }

  gone(peer: NodeId): void {
    const { lanes, realms, questions, standing, events } = this.targets;
    lanes.close(peer);
    realms.nodeGone(peer);
    questions.nodeGone(peer);
    if (!standing.isOver) events.nodeGone(peer);
  }

  denied(): void {
    this.targets.standing.denied();
  }

  declaredDead(): void {
    this.targets.lifecycle.end();
  }

  fenced(): void {
    this.targets.lifecycle.fenced(this.targets.events);
  }

  storeLost(): void {
    this.targets.recovery.storeLost();
  }
}

interface ReachabilityTargets {
  readonly lanes: Lanes;
  readonly questions: Questions;
  readonly sessions: SessionsDirectory;
  readonly realms: ServedRealms;
  readonly recovery: Recovery;
  readonly events: BackplaneEvents;
}

export class ReachabilityListener extends Listener<ReachabilityTargets> implements ReachabilityEvents {
  readonly #outages: OutageLog;
  readonly #counters: Pick<ClusterCounters, 'downs'>;

  constructor(outages: OutageLog, counters: Pick<ClusterCounters, 'downs'>) {
    super();
    this.#outages = outages;
    this.#counters = counters;
  }

  recover(isCurrent: () => boolean): Promise<void> {
    return this.targets.recovery.run(isCurrent);
  }

  recoveryFailed(cause: unknown): void {
    this.#outages.requestFailed('recovering', cause);
  }

  cutOff(): void {
    const { lanes, sessions, realms, questions } = this.targets;
    this.#outages.begin('the lease of this node has run out');
    lanes.cutOff(true);
    sessions.cutOff();
    realms.cutOff();
    questions.cutOff();
  }

  down(): void {
    this.#counters.downs.all++;
    this.#outages.reported();
    this.targets.events.down(this.#outages.reason);
  }

  recovered(wasDown: boolean): void {
    this.#outages.end();
    if (wasDown) this.targets.events.up();
  }
}

interface LeaseCheckTargets {
  readonly standing: NodeStanding;
  readonly hold: Hold;
  readonly lanes: Lanes;
}

export class LeaseCheckListener extends Listener<LeaseCheckTargets> implements LeaseCheckEvents {
  readonly #connections: StoreLink;
  readonly #reachability: Reachability;
  readonly #outages: OutageLog;

  constructor(connections: StoreLink, reachability: Reachability, outages: OutageLog) {
    super();
    this.#connections = connections;
    this.#reachability = reachability;
    this.#outages = outages;
  }

  /** Messages that waited for the lease are sent and processed, in order. */
  confirmed(): void {
    const { standing, hold, lanes } = this.targets;
    // Meanwhile the process may have slept once more, or the node may have been declared dead.
    if (standing.sendPolicy() !== 'now') return;
    hold.release();
    lanes.flush();
  }

  failed(cause: unknown): void {
    this.#outages.requestFailed('renewing a lease that has run out', cause);
    if (!this.#reachability.isUp) return;
    this.#reachability.lost();
    if (this.#connections.isConnected) this.#reachability.recover();
  }
}

/** Passes on the reports of all realm replicas. */
export class RealmListener extends Listener<{ readonly events: BackplaneEvents }> implements RealmEvents {
  readonly #outages: OutageLog;
  readonly #logger: Logger;
  readonly #doubts: RecurringLines;

  constructor(outages: OutageLog, logger: Logger, doubts: RecurringLines) {
    super();
    this.#outages = outages;
    this.#logger = logger;
    this.#doubts = doubts;
  }

  topic(realm: Uri, change: TopicChange): void {
    this.targets.events.topic?.(realm, change);
  }

  registration(realm: Uri, registration: Registration): void {
    this.targets.events.registration(realm, registration);
  }

  failed(operation: string, cause: unknown): void {
    this.#outages.requestFailed(operation, cause);
  }

  doubted(realm: Uri, message: string): void {
    this.#doubts.log(realm, (omitted) =>
      this.#logger.warn({ realm, message, ...omitted }, 'backplane.version_doubted'),
    );
  }
}
