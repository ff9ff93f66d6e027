import type { NodeId, SessionId } from '../../src/wamp/ids.js';
import type { Client } from './client.js';
import { ClientActions, ROLES } from './client-actions.js';
import { HubCluster, type Cluster } from './cluster.js';
import { Journal } from './journal.js';
import { pick, type Schedule, type Step, type StepOf } from './schedule.js';
import { SimulatedNode, type Meddle } from './simulated-node.js';
import type { Watcher } from './watcher.js';
import { ShardCluster } from './shards/shard-cluster.js';
import { ShardFaults } from './shards/shard-faults.js';
import { endOfTurn, seededRandom, VirtualTime } from './virtual-time.js';

const MAX_LANE_DELAY_MS = 25;
const SLOW_LANE_DELAY_MS = 150;
const MAX_PART_DELAY_MS = 5;
const SESSIONS_PER_NODE_AT_START = 2;

/** A cluster on virtual time and its clients; performs the steps of a schedule. */
export class World {
  readonly journal = new Journal();
  readonly time = new VirtualTime();
  readonly nodes: SimulatedNode[] = [];
  readonly clients: Client[] = [];
  readonly cluster: Cluster;
  /** The time before which no client has joined. */
  begunAt = 0;
  readonly #actions = new ClientActions(this);
  readonly #schedule: Schedule;
  readonly #meddle: Meddle | undefined;
  readonly #random: () => number;
  readonly #laneDelayMs = new Map<string, number>();
  #underWayCount = 0;
  #nextSessionId = 1;
  #wasEmptied = false;
  #faults: ShardFaults | undefined;

  constructor(schedule: Schedule, meddle: Meddle | undefined) {
    this.#schedule = schedule;
    this.#meddle = meddle;
    this.#random = seededRandom(schedule.seed);
    this.cluster = schedule.partCount === undefined ? this.#hub() : this.#parts(schedule.partCount);
  }

  get liveNodes(): SimulatedNode[] {
    return this.nodes.filter(({ state }) => state === 'live');
  }

  /** The nodes that a step can reconnect, cut off or not. */
  get healableNodes(): SimulatedNode[] {
    return this.nodes.filter(({ state }) => state === 'live' || state === 'declared-dead');
  }

  get openClients(): Client[] {
    return this.clients.filter(({ isOpen }) => isOpen);
  }

  get watchers(): Watcher[] {
    return this.nodes.flatMap(({ watcher }) => watcher ?? []);
  }

  async begin(): Promise<void> {
    for (let count = 0; count < this.#schedule.nodeCount; count++) this.#start();
    await this.pass(this.cluster.beginMs);
    this.begunAt = this.journal.tick();
    for (const node of this.liveNodes)
      for (let count = 0; count < SESSIONS_PER_NODE_AT_START; count++) this.#join(node, 'all');
    await this.pass(0);
  }

  async pass(forMs: number): Promise<void> {
    await endOfTurn();
    this.#turnEnded();
    await this.time.advanceTo(this.time.nowMs + forMs, () => this.#turnEnded());
  }

  /** Ends every fault: reconnects the nodes, declares the dead ones dead, and delivers everything under way. */
  async settle(): Promise<void> {
    await this.#mend(this.cluster.longMs);
  }

  /** Every session leaves, and nothing is to be left of them. */
  async end(): Promise<void> {
    for (const client of [...this.openClients, ...this.watchers]) client.end();
    await this.#mend(this.cluster.endMs);
  }

  async #mend(forMs: number): Promise<void> {
    for (const node of this.nodes) this.cluster.heal(node.id);
    this.cluster.parts?.store.healAll();
    for (const node of this.nodes) node.noteCutOff();
    await this.pass(forMs);
  }

  async takeStep(step: Step): Promise<void> {
    await this.pass(step.pauseMs);
    this.journal.tick();
    this.#perform(step);
    for (const node of this.nodes) node.noteCutOff();
    await this.pass(step.what === 'wait' ? step.forMs : 0);
  }

  #perform(step: Step): void {
    switch (step.what) {
      case 'join':
        this.#join(pick(this.liveNodes, step.node), step.features);
        break;
      case 'leave':
        pick(this.openClients, step.client)?.end();
        break;
      case 'subscribe':
        this.#actions.subscribe(step);
        break;
      case 'unsubscribe':
        this.#actions.unsubscribe(step);
        break;
      case 'publish':
        this.#actions.publish(step);
        break;
      case 'register':
        this.#actions.register(step);
        break;
      case 'unregister':
        this.#actions.unregister(step);
        break;
      case 'call':
        this.#actions.call(step);
        break;
      case 'cancel':
        this.#actions.cancel(step);
        break;
      case 'wait':
        break;
      case 'start':
        if (this.nodes.length < MAX_NODES) this.#start();
        break;
      case 'stop':
        this.#stop(step);
        break;
      case 'kill':
        this.#kill(step);
        break;
      case 'lose':
        this.#lose(step);
        break;
      case 'isolate':
        this.#isolate(pick(this.liveNodes, step.node), step.returns ?? false);
        break;
      case 'part':
        this.#part(step);
        break;
      case 'empty':
        if (this.cluster instanceof HubCluster) this.cluster.hub.faults.empty();
        this.#wasEmptied = true;
        break;
      case 'return':
        this.#return(step);
        break;
      case 'declare-dead':
        this.#declareDead(step);
        break;
      case 'lose-callees':
        this.#loseCallees(pick(this.liveNodes, step.node));
        break;
      case 'heal':
        this.cluster.heal(pick(this.healableNodes, step.node)?.id ?? ('' as NodeId));
        break;
      default:
        if (step.what === 'empty-part' || step.what === 'take-over') this.#rowsLost();
        this.#faults?.perform(step, this.liveNodes);
    }
  }

  #rowsLost(): void {
    this.#wasEmptied = true;
    this.journal.rowLosses.push(this.journal.at);
  }

  #hub(): Cluster {
    return new HubCluster({
      batchCount: this.#schedule.batchCount,
      after: (delayMs, action) => this.time.after(delayMs, action),
      deliverLater: (from, to, deliver) => this.#runLater(this.#delayMs(`${from} ${to}`), deliver),
    });
  }

  #parts(partCount: number): Cluster {
    const nodeOf = (id: NodeId): SimulatedNode | undefined => this.nodes.find((node) => node.id === id);
    const cluster = new ShardCluster({
      partCount,
      time: this.time,
      random: this.#random,
      now: () => this.journal.tick(),
      disconnected: (id) => void nodeOf(id)?.isolatedAt.push(this.journal.tick()),
      reaped: (id) => {
        const node = nodeOf(id);
        if (node?.state === 'live') node.declareDead();
        if (node?.removedAt === Infinity) node.noteRemoval();
      },
      isKnown: ({ from, to, at }) => {
        const [sender, receiver] = [nodeOf(from), nodeOf(to)];
        if (sender?.goneAt !== Infinity || receiver?.goneAt !== Infinity) return true;
        return receiver.gapNotices.some((gap) => gap.from === from && gap.at > at);
      },
    });
    this.#faults = new ShardFaults(cluster.store, this.time);
    return cluster;
  }

  #start(): void {
    const node = new SimulatedNode({
      id: `n${this.nodes.length + 1}` as NodeId,
      cluster: this.cluster,
      time: this.time,
      journal: this.journal,
      random: this.#random,
      proposeSessionId: () => this.#proposeSessionId(),
      meddle: this.#meddle,
      hasMetaApi: this.#schedule.hasMetaApi === true,
      partSize: this.#schedule.partSize ?? Infinity,
      schedulePart: (part) => this.#runLater(this.#random() * MAX_PART_DELAY_MS, part),
      onFailed: () => void this.time.after(START_AGAIN_MS, () => this.#start()),
      onFenced: () => this.#start(),
    });
    this.nodes.push(node);
    void node.start();
  }

  #join(node: SimulatedNode | undefined, features: 'all' | 'few'): void {
    if (node === undefined) return;
    const role = ROLES[this.clients.length % ROLES.length]!;
    void node.join(role, features).then((client) => {
      if (client === undefined) return;
      // The id is free if the node of the other session was declared dead while this one asked for the id.
      const others = this.openClients.filter(({ node: other }) => other.state !== 'declared-dead');
      const isTaken = others.some(({ session }) => session === client.session);
      // Ids are checked against fewer sessions in the moment after the store lost rows (semantics, "What is not promised").
      if (isTaken && !this.journal.lacksRowsAt(this.journal.at))
        this.journal.violate('SES-2', `${client.name} has the id of another session`);
      this.clients.push(client);
    });
  }

  #stop({ node: index }: StepOf<'stop'>): void {
    if (this.liveNodes.length > 1) void pick(this.liveNodes, index)?.stop();
  }

  #kill({ node: index, keptCount, leaseMs }: StepOf<'kill'>): void {
    const node = pick(this.liveNodes, index);
    if (node === undefined || this.liveNodes.length < 2) return;
    this.cluster.kill(node.id, keptCount);
    node.die();
    if (this.cluster.parts === undefined) this.time.after(leaseMs, () => this.#removeRows(node));
  }

  #lose({ from, to }: StepOf<'lose'>): void {
    const [one, other] = [pick(this.liveNodes, from), pick(this.liveNodes, to)];
    if (one !== undefined && other !== undefined && one !== other) this.cluster.loseNext(one.id, other.id);
  }

  #return({ from, to }: StepOf<'return'>): void {
    const [one, other] = [pick(this.liveNodes, from), pick(this.liveNodes, to)];
    if (one !== undefined && other !== undefined && one !== other) this.cluster.returnNext(one.id, other.id);
  }

  #isolate(node: SimulatedNode | undefined, returns: boolean): void {
    if (node === undefined || this.cluster.isIsolated(node.id)) return;
    node.isolatedAt.push(this.journal.tick());
    this.cluster.isolate(node.id, returns);
  }

  #part({ from, to, returns }: StepOf<'part'>): void {
    const [one, other] = [pick(this.liveNodes, from), pick(this.liveNodes, to)];
    if (one === undefined || other === undefined || one === other) return;
    if (!(this.cluster instanceof HubCluster)) return;
    for (const node of [one, other]) node.isolatedAt.push(this.journal.tick());
    this.cluster.hub.faults.disconnect(one.id, other.id, { returns: returns ?? false });
  }

  #declareDead({ node: index, leaseMs }: StepOf<'declare-dead'>): void {
    const node = pick(this.liveNodes, index);
    if (node === undefined || this.liveNodes.length < 2) return;
    this.#isolate(node, true);
    if (this.cluster.parts === undefined)
      this.time.after(leaseMs, () => {
        if (node.state !== 'live' || !this.cluster.isIsolated(node.id)) return;
        node.declareDead();
        this.#removeRows(node);
      });
  }

  #removeRows(node: SimulatedNode): void {
    node.noteRemoval();
    if (this.cluster instanceof HubCluster) this.cluster.hub.faults.declareDead(node.id);
  }

  #loseCallees(node: SimulatedNode | undefined): void {
    if (node === undefined || this.cluster.isIsolated(node.id)) return;
    if (!(this.cluster instanceof HubCluster)) return;
    node.calleesLostAt.push(this.journal.tick());
    this.cluster.hub.faults.loseCallees(node.id);
  }

  #runLater(delayMs: number, action: () => void): void {
    this.#underWayCount++;
    this.time.after(delayMs, () => {
      this.#underWayCount--;
      action();
    });
  }

  #proposeSessionId(): SessionId {
    // The ids of a dead node's sessions are free again, and no list of ids could distinguish the two sessions. An emptied
    // directory does not know which ids are taken; those of a router have 53 random bits.
    const taken = this.#wasEmptied ? [] : this.openClients.filter(({ node }) => node.state !== 'declared-dead');
    if (taken.length > 0 && this.#random() < 0.3) return pick(taken, Math.floor(this.#random() * 1_000))!.session;
    return this.#nextSessionId++ as SessionId;
  }

  #delayMs(lane: string): number {
    let slowest = this.#laneDelayMs.get(lane);
    if (slowest === undefined) {
      slowest = this.#random() < 0.2 ? SLOW_LANE_DELAY_MS : this.#random() * MAX_LANE_DELAY_MS;
      this.#laneDelayMs.set(lane, slowest);
    }
    return this.#random() * slowest;
  }

  #turnEnded(): void {
    if (this.#underWayCount === 0 && this.cluster.isQuiet) this.journal.markQuiet();
  }
}

const MAX_NODES = 8;
const START_AGAIN_MS = 100;
