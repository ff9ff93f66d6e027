import { HeldTotal } from '../../../../src/routing/held-total.js';
import {
  Dealer,
  type DealerLimit,
  type DealerLimits,
  type DealerRules,
} from '../../../../src/routing/dealer/dealer.js';
import type { Frame } from '../../../../src/routing/frames.js';
import type { CallOutcome, RoutingDiscard } from '../../../../src/routing/outcomes.js';
import type { Peer } from '../../../../src/routing/peer.js';
import type { Claim, ClaimOutcome, Registration } from '../../../../src/routing/ports.js';
import type { Fault } from '../../../../src/wamp/faults.js';
import type { NodeId, RegistrationId, SessionId } from '../../../../src/wamp/ids.js';
import type { RouterMessage } from '../../../../src/wamp/messages.js';
import { RecordingOutlet } from '../../../support/recording-outlet.js';

export interface HarnessOptions {
  readonly limits?: Partial<DealerLimits>;
  /** Absent: each node has one without a bound. */
  readonly heldTotal?: HeldTotal;
  readonly rules?: Partial<DealerRules>;
  /** Frames, changes and decisions wait until the test moves them. */
  readonly isManual?: boolean;
}

/** A change that a node applies in its turn: a row, the death of a node, or its confirmation of a claim. */
export type ClusterChange =
  { readonly registration: Registration } | { readonly gone: NodeId } | { readonly decide: () => void };

/** The cluster as its nodes see it. */
export interface HarnessCluster {
  readonly nodes: readonly HarnessNode[];
  node(id: NodeId): HarnessNode;
  claim(claim: Claim): ClaimOutcome;
  complete(claim: Claim): void;
  release(id: RegistrationId, session: SessionId): void;
  flush(): void;
  settle(): void;
}

interface OpenSession {
  receive(message: RouterMessage): void;
  leave(): void;
}

/** A frame on a lane, or the notice that the lane has lost frames. */
type Carried = Frame | 'gap';

export class HarnessNode {
  readonly id: NodeId;
  readonly outlet: RecordingOutlet<Peer>;
  readonly dealer: Dealer<Peer>;
  readonly cluster: HarnessCluster;
  readonly lanes = new Map<NodeId, Carried[]>();
  readonly changes: ClusterChange[] = [];
  readonly open = new Map<Peer, OpenSession>();
  readonly violations: Fault[] = [];
  isAlive = true;
  readonly heldTotal: HeldTotal;
  /** The bounds that were reached, in order. */
  readonly limitsReached: DealerLimit[] = [];
  readonly #confirming: (() => void)[] = [];

  constructor(cluster: HarnessCluster, index: number, { limits, heldTotal, rules }: HarnessOptions) {
    this.id = `node-${index}` as NodeId;
    this.heldTotal = heldTotal ?? new HeldTotal(Infinity);
    this.cluster = cluster;
    this.outlet = this.#wire(new RecordingOutlet<Peer>({ settlesAtOnce: true }));
    this.dealer = new Dealer<Peer>({
      realm: 'realm1',
      node: this.id,
      outlet: this.outlet,
      sources: this.outlet,
      limits: {
        maxRegistrationsPerSession: 1_000,
        maxPendingCallsPerSession: 10_000,
        maxHeldMessages: 1_000,
        maxHeldBytes: 1_000_000,
        interruptTimeoutMs: 1_000,
        ...limits,
      },
      heldTotal: this.heldTotal,
      rules: {
        progressiveResultsRequireCanceling: false,
        timeoutUnit: 'ms',
        busyError: 'wamp',
        forceReregister: 'anybody',
        ...rules,
      },
      onLimit: (limit) => this.limitsReached.push(limit),
      abort: (peer, violation) => {
        this.violations.push(violation);
        this.open.get(peer)?.leave();
      },
    });
  }

  counted(what: RoutingDiscard): number {
    return this.outlet.recorded.filter((one) => one.verb === 'count' && one.what === what).length;
  }

  outcomes(): CallOutcome[] {
    return this.outlet.recorded.flatMap((one) => (one.verb === 'callEnded' ? [one.outcome] : []));
  }

  /** The frames that this node has sent so far. */
  sentFrames(): Frame[] {
    return this.outlet.recorded.flatMap((one) => (one.verb === 'sendFrame' ? [one.frame] : []));
  }

  /** Processes the next frame of a lane; returns false if there is none. */
  receiveOne(from: NodeId): boolean {
    const frame = this.lanes.get(from)?.shift();
    if (frame === undefined) return false;
    if (!this.isAlive) return true;
    if (frame === 'gap') this.noticeGap(from);
    else this.dealer.receive(from, frame);
    return true;
  }

  /** Notifies both ends of the lane, as a realm's sources do; both give up the calls that crossed the lane. */
  noticeGap(from: NodeId): void {
    this.dealer.laneGap(from);
    if (from !== this.id) this.outlet.sendFrame(from, { kind: 'lost' });
  }

  /** Loses the next frame from that node; the lane notices when it gets there. */
  loseOne(from: NodeId): void {
    const lane = this.lanes.get(from);
    if (lane !== undefined && lane.length > 0) lane[0] = 'gap';
  }

  /** Applies the next change of the cluster; returns false if there is none. */
  applyOne(): boolean {
    const change = this.changes.shift();
    if (change === undefined) return false;
    if (!this.isAlive) return true;
    if ('decide' in change) change.decide();
    else if ('gone' in change) this.dealer.nodeGone(change.gone);
    else this.dealer.registration(change.registration);
    return true;
  }

  /** Confirms every claim in the name of a dead node: the others no longer wait for it. */
  confirmAll(): void {
    if (this.isAlive) return;
    for (const confirm of this.#confirming.splice(0)) confirm();
    for (const change of this.changes.splice(0)) if ('decide' in change) change.decide();
  }

  #wire(outlet: RecordingOutlet<Peer>): RecordingOutlet<Peer> {
    const send = outlet.send.bind(outlet);
    outlet.send = (to, message) => {
      const session = this.open.get(to);
      if (session === undefined) return undefined;
      const refusal = send(to, message);
      if (refusal === undefined) session.receive(message);
      return refusal;
    };
    outlet.onSendFrame = (to, frame) => {
      if (to === this.id) this.dealer.receive(this.id, frame);
      else this.#carry(this.cluster.node(to), frame);
    };
    const release = outlet.release.bind(outlet);
    outlet.release = (registration, callee) => {
      release(registration, callee);
      this.cluster.release(registration, callee);
    };
    const claim = outlet.claim.bind(outlet);
    outlet.claim = (wish, decided) => {
      claim(wish, () => undefined);
      this.#claim(wish, decided);
    };
    return outlet;
  }

  /** Grants the claim once every live node has applied the row (G2). */
  #claim(wish: Claim, decided: (outcome: ClaimOutcome) => void): void {
    const outcome = this.cluster.claim(wish);
    const waiting = new Set(outcome.kind === 'granted' ? this.cluster.nodes.filter((node) => node.isAlive) : [this]);
    for (const node of [...waiting]) {
      const confirm = (): void => {
        if (!waiting.delete(node) || waiting.size > 0 || !this.isAlive) return;
        decided(outcome);
        if (outcome.kind === 'granted') this.cluster.complete(wish);
      };
      node.changes.push({ decide: confirm });
      node.#confirming.push(confirm);
    }
  }

  #carry(to: HarnessNode, frame: Frame): void {
    if (!to.isAlive || !this.isAlive) return;
    const lane = to.lanes.get(this.id);
    if (lane === undefined) to.lanes.set(this.id, [frame]);
    else lane.push(frame);
  }
}
