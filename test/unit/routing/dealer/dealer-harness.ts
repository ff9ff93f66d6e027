import { expect } from 'vitest';
import { payloadOf } from '../../../../src/codec/payload.js';
import {
  Dealer,
  type DealerLimit,
  type DealerLimits,
  type DealerRules,
} from '../../../../src/routing/dealer/dealer.js';
import type { Frame } from '../../../../src/routing/frames.js';
import type { Claim, ClaimOutcome, Registration } from '../../../../src/routing/ports.js';
import type { CallOutcome, RoutingDiscard } from '../../../../src/routing/outcomes.js';
import type { Peer } from '../../../../src/routing/peer.js';
import { withoutCallees, withSuccessors } from '../../../../src/routing/successors.js';
import { Code } from '../../../../src/wamp/codes.js';
import type { Fault } from '../../../../src/wamp/faults.js';
import type { FeatureKey } from '../../../../src/wamp/features.js';
import type { NodeId, RegistrationId, RequestId, SessionId, Uri } from '../../../../src/wamp/ids.js';
import type { ErrorType, RouterMessage } from '../../../../src/wamp/messages.js';
import type {
  CallOptions,
  CancelMode,
  ErrorOptions,
  RegisterOptions,
  YieldOptions,
} from '../../../../src/wamp/options.js';
import type { Payload } from '../../../../src/wamp/payload.js';
import { RecordingOutlet, testPeer } from '../../../support/recording-outlet.js';

export const ALL_FEATURES: readonly FeatureKey[] = [
  'call_canceling',
  'call_reroute',
  'call_timeout',
  'payload_passthru_mode',
  'progressive_call_invocations',
  'progressive_call_results',
  'registration_revocation',
];

export interface HarnessOptions {
  readonly limits?: Partial<DealerLimits>;
  readonly rules?: Partial<DealerRules>;
  /** Frames, rows and decisions wait until the test moves them. */
  readonly isManual?: boolean;
}

type Row = { readonly key: string; readonly registration: Registration };
type ClusterNews = Row | { readonly gone: NodeId } | { readonly decide: () => void };

/** Realm, directory, lanes and clients around one or more dealers: everything but the dealer is a plain fake. */
export class DealerHarness {
  readonly nodes: HarnessNode[];
  readonly isManual: boolean;
  readonly #rows = new Map<string, Registration>();

  constructor(nodeCount = 1, options: HarnessOptions = {}) {
    this.isManual = options.isManual ?? false;
    this.nodes = Array.from({ length: nodeCount }, (_, index) => new HarnessNode(this, index, options));
  }

  session(nodeIndex: number, features: readonly FeatureKey[] = ALL_FEATURES): TestSession {
    return new TestSession(this.nodes[nodeIndex]!, features);
  }

  /** Moves frames and news until nothing is under way. */
  flush(): void {
    while (this.nodes.some((node) => node.hearOne() || this.nodes.some((from) => node.receiveOne(from.id)))) continue;
  }

  /** Rows are heard, but what decides the claims under way is taken out, to be called when the test wants. */
  takeDecisions(): (() => void)[] {
    const decisions: (() => void)[] = [];
    for (const node of this.nodes) {
      for (const news of node.news.splice(0)) {
        if ('decide' in news) decisions.push(news.decide);
        else node.news.push(news);
      }
    }
    this.flush();
    return decisions;
  }

  settle(): void {
    if (!this.isManual) this.flush();
  }

  node(id: NodeId): HarnessNode {
    return this.nodes.find((node) => node.id === id)!;
  }

  claim(claim: Claim): ClaimOutcome {
    const key = `${claim.match}:${claim.procedure}`;
    const row = this.#rows.get(key);
    const holders = row?.callees ?? [];
    if (row !== undefined && holders.length > 0 && claim.force !== true) {
      if (claim.force !== false) return { kind: 'protected' };
      if (holders.some((callee) => callee.session === claim.callee.session)) return { kind: 'taken' };
      if (row.invoke !== claim.invoke) return { kind: 'policy-conflict', invoke: row.invoke };
      if (row.invoke === 'single') return { kind: 'taken' };
    }
    const registration: Registration =
      row !== undefined && claim.force === true
        ? { ...row, successors: [claim.callee, ...(row.successors ?? [])] }
        : {
            id: row?.id ?? claim.registration,
            procedure: claim.procedure,
            match: claim.match,
            invoke: claim.invoke,
            callees: [...holders, claim.callee],
          };
    this.#write(key, registration);
    return { kind: 'granted', registration };
  }

  /** A claim by force is certain: whoever held the procedure before has it no more. */
  complete({ match, procedure, invoke, callee }: Claim): void {
    const key = `${match}:${procedure}`;
    const row = this.#rows.get(key);
    const at = row?.successors?.indexOf(callee) ?? -1;
    if (row === undefined || at === -1) return;
    this.#write(key, withSuccessors({ ...row, invoke, callees: [callee] }, row.successors!.slice(0, at)));
  }

  release(id: RegistrationId, session: SessionId): void {
    for (const [key, row] of this.#rows) {
      if (row.id !== id) continue;
      const left = withoutCallees(row, (callee) => callee.session === session);
      if (left !== undefined) this.#write(key, left);
    }
  }

  /** The node dies: nothing comes of it any more, its rows go, then the others hear of it. */
  kill(nodeIndex: number): void {
    const dead = this.nodes[nodeIndex]!;
    dead.isAlive = false;
    dead.open.clear();
    for (const [key, row] of this.#rows) {
      const left = withoutCallees(row, (callee) => callee.node === dead.id);
      if (left !== undefined) this.#write(key, left);
    }
    for (const node of this.nodes) {
      node.lanes.delete(dead.id);
      node.news.push({ gone: dead.id });
      node.confirmAll();
    }
    this.settle();
  }

  #write(key: string, registration: Registration): void {
    if (registration.callees.length === 0) this.#rows.delete(key);
    else this.#rows.set(key, registration);
    for (const node of this.nodes) node.news.push({ key, registration });
  }
}

/** A frame under way, or the notice that one or more were lost here. */
type Carried = Frame | 'gap';

export class HarnessNode {
  readonly id: NodeId;
  readonly outlet: RecordingOutlet<Peer>;
  readonly dealer: Dealer<Peer>;
  readonly cluster: DealerHarness;
  readonly lanes = new Map<NodeId, Carried[]>();
  readonly news: ClusterNews[] = [];
  readonly open = new Map<Peer, TestSession>();
  readonly violations: Fault[] = [];
  isAlive = true;
  /** Which bounds were reached, in order. */
  readonly limitsReached: DealerLimit[] = [];
  readonly #confirming: (() => void)[] = [];

  constructor(cluster: DealerHarness, index: number, { limits, rules }: HarnessOptions) {
    this.id = `node-${index}` as NodeId;
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
    return this.outlet.said.filter((one) => one.verb === 'count' && one.what === what).length;
  }

  outcomes(): CallOutcome[] {
    return this.outlet.said.flatMap((one) => (one.verb === 'callEnded' ? [one.outcome] : []));
  }

  /** The frames this node has told so far. */
  told(): Frame[] {
    return this.outlet.said.flatMap((one) => (one.verb === 'tell' ? [one.frame] : []));
  }

  /** Takes the next frame of a lane. False: there is none. */
  receiveOne(from: NodeId): boolean {
    const frame = this.lanes.get(from)?.shift();
    if (frame === undefined) return false;
    if (!this.isAlive) return true;
    if (frame === 'gap') this.noticeGap(from);
    else this.dealer.receive(from, frame);
    return true;
  }

  /** As a realm's sources do it: both ends give up what crossed the lane. */
  noticeGap(from: NodeId): void {
    this.dealer.laneGap(from);
    if (from !== this.id) this.outlet.sendFrame(from, { kind: 'lost' });
  }

  /** The next frame from that node, and perhaps others, is lost; the lane notices when it gets there. */
  loseOne(from: NodeId): void {
    const lane = this.lanes.get(from);
    if (lane !== undefined && lane.length > 0) lane[0] = 'gap';
  }

  /** Hears the next piece of cluster news. False: there is none. */
  hearOne(): boolean {
    const news = this.news.shift();
    if (news === undefined) return false;
    if (!this.isAlive) return true;
    if ('decide' in news) news.decide();
    else if ('gone' in news) this.dealer.nodeGone(news.gone);
    else this.dealer.registration(news.registration);
    return true;
  }

  /** A dead node need not confirm anything. */
  confirmAll(): void {
    if (this.isAlive) return;
    for (const confirm of this.#confirming.splice(0)) confirm();
    for (const news of this.news.splice(0)) if ('decide' in news) news.decide();
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
    outlet.onTell = (to, frame) => {
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

  /** Granted only when every live node has heard the row (G2). */
  #claim(wish: Claim, decided: (outcome: ClaimOutcome) => void): void {
    const outcome = this.cluster.claim(wish);
    const waiting = new Set(outcome.kind === 'granted' ? this.cluster.nodes.filter((node) => node.isAlive) : [this]);
    for (const node of [...waiting]) {
      const confirm = (): void => {
        if (!waiting.delete(node) || waiting.size > 0 || !this.isAlive) return;
        decided(outcome);
        if (outcome.kind === 'granted') this.cluster.complete(wish);
      };
      node.news.push({ decide: confirm });
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

/** A client: numbers its requests, remembers what it was sent in the shape of the wire. */
export class TestSession {
  readonly node: HarnessNode;
  readonly peer: Peer;
  readonly received: unknown[][] = [];
  lastRequest = 0;
  /** Set: every message is shown to it as it comes. */
  onMessage: ((message: RouterMessage) => void) | undefined;
  #taken = 0;

  constructor(node: HarnessNode, features: readonly FeatureKey[]) {
    const all = new Set(features);
    this.node = node;
    this.peer = testPeer({ features: { caller: all, callee: all } });
    node.open.set(this.peer, this);
  }

  get id(): SessionId {
    return this.peer.session;
  }

  get isOpen(): boolean {
    return this.node.open.has(this.peer);
  }

  receive(message: RouterMessage): void {
    this.received.push(onWire(message));
    this.onMessage?.(message);
  }

  /** What came since the last time. */
  take(): unknown[][] {
    const since = this.received.slice(this.#taken);
    this.#taken = this.received.length;
    return since;
  }

  /** Sends REGISTER only. */
  register(procedure: Uri, options: Partial<RegisterOptions> = {}, mayDisclose = true): number {
    const request = ++this.lastRequest;
    this.node.dealer.register(
      this.peer,
      [
        Code.REGISTER,
        request as RequestId,
        {
          match: 'exact',
          invoke: 'single',
          discloseCaller: false,
          forwardTimeout: false,
          forceReregister: false,
          ...options,
        },
        procedure,
      ],
      mayDisclose,
    );
    this.#settle();
    return request;
  }

  /** Registers and takes REGISTERED. */
  registered(procedure: Uri, options: Partial<RegisterOptions> = {}): RegistrationId {
    const request = this.register(procedure, options);
    this.node.cluster.flush();
    const [reply] = this.take();
    expect(reply).toEqual([Code.REGISTERED, request, expect.any(Number)]);
    return reply![2] as RegistrationId;
  }

  unregister(registration: RegistrationId): number {
    const request = ++this.lastRequest;
    this.node.dealer.unregister(this.peer, [Code.UNREGISTER, request as RequestId, registration]);
    this.#settle();
    return request;
  }

  call(procedure: Uri, options: Partial<CallOptions> = {}, args: unknown[] = [], disclose = false): number {
    const request = ++this.lastRequest;
    this.callAs(request, procedure, options, args, { disclose });
    return request;
  }

  callWith(procedure: Uri, payload: Payload): number {
    const request = ++this.lastRequest;
    const options = { timeoutMs: 0, receiveProgress: false, progress: false, discloseMe: false };
    this.node.dealer.call(this.peer, [Code.CALL, request as RequestId, options, procedure, payload], false, false);
    this.#settle();
    return request;
  }

  /** CALL with a request id of choice. */
  callAs(
    request: number,
    procedure: Uri,
    options: Partial<CallOptions> = {},
    args: unknown[] = [],
    { disclose = false, isContinuation = false } = {},
  ): void {
    this.node.dealer.call(
      this.peer,
      [
        Code.CALL,
        request as RequestId,
        { timeoutMs: 0, receiveProgress: false, progress: false, discloseMe: false, ...options },
        procedure,
        payloadOf(args),
      ],
      disclose,
      isContinuation,
    );
    this.#settle();
  }

  continueCall(request: number, procedure: Uri, options: Partial<CallOptions> = {}, args: unknown[] = []): void {
    this.callAs(request, procedure, options, args, { isContinuation: true });
  }

  cancel(request: number, mode: CancelMode): void {
    this.node.dealer.cancel(this.peer, [Code.CANCEL, request as RequestId, { mode }]);
    this.#settle();
  }

  yield(request: number, args: unknown[] = [], options: Partial<YieldOptions> = {}): void {
    this.node.dealer.yield(this.peer, [
      Code.YIELD,
      request as RequestId,
      { progress: false, ...options },
      payloadOf(args),
    ]);
    this.#settle();
  }

  error(request: number, error: Uri, args: unknown[] = [], options: ErrorOptions = {}): void {
    this.node.dealer.error(this.peer, [
      Code.ERROR,
      Code.INVOCATION,
      request as RequestId,
      options,
      error,
      payloadOf(args),
    ]);
    this.#settle();
  }

  leave(): void {
    if (!this.node.open.delete(this.peer)) return;
    this.node.dealer.leave(this.peer);
    this.#settle();
  }

  #settle(): void {
    this.node.cluster.settle();
  }
}

/** Payload objects become the elements they stand for. */
export function onWire(message: RouterMessage): unknown[] {
  const elements: unknown[] = [...message];
  const last = elements.at(-1);
  if (typeof last !== 'object' || last === null || !('elementCount' in last)) return elements;
  const { bytes } = last as Payload;
  return [...elements.slice(0, -1), ...(JSON.parse(`[${Buffer.from(bytes).toString()}]`) as unknown[])];
}

/** An ERROR made by the router: one sentence says why. */
export function refusal(type: ErrorType, request: number, error: Uri): unknown[] {
  return [Code.ERROR, type, request, {}, error, [expect.any(String)]];
}

/** Nothing is left of any call, and nothing of sessions once they have left. */
export function expectNoLeaks(harness: DealerHarness, hasSessions = false): void {
  for (const node of harness.nodes) {
    if (!node.isAlive) continue;
    const sizes = node.dealer.sizes();
    expect(sizes).toMatchObject({
      pendingCalls: 0,
      waitingCalls: 0,
      invocations: 0,
      abandonedInvocations: 0,
    });
    expect(node.outlet.timerCount()).toBe(0);
    if (!hasSessions) expect(sizes).toMatchObject({ registrations: 0, localProcedures: 0, callers: 0, callees: 0 });
  }
}

export const TOPOLOGIES = [
  { name: 'one node', nodeCount: 1 },
  { name: 'two nodes', nodeCount: 2 },
] as const;

/** A caller on the first node, a callee on the last. */
export function pair(
  nodeCount: number,
  options: HarnessOptions & { caller?: readonly FeatureKey[]; callee?: readonly FeatureKey[] } = {},
): { harness: DealerHarness; caller: TestSession; callee: TestSession } {
  const harness = new DealerHarness(nodeCount, options);
  const caller = harness.session(0, options.caller);
  const callee = harness.session(nodeCount - 1, options.callee);
  return { harness, caller, callee };
}
