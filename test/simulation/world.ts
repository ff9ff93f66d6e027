import { FaultyHub } from '../support/memory-faults.js';
import { Code } from '../../src/wamp/codes.js';
import type { NodeId, SessionId } from '../../src/wamp/ids.js';
import type { AudienceLists } from '../../src/wamp/options.js';
import type { Client } from './client.js';
import { Journal, type CallRecord, type PublicationRecord } from './journal.js';
import { Note } from './note.js';
import {
  PROCEDURES,
  REGISTRATIONS,
  SUBSCRIPTIONS,
  TOPICS,
  type AudienceChoice,
  type Schedule,
  type Step,
} from './schedule.js';
import { SimulatedNode, type Meddle } from './simulated-node.js';
import { endOfTurn, seededRandom, VirtualTime } from './virtual-time.js';

type StepOf<What extends Step['what']> = Extract<Step, { what: What }>;

/** Longer than any timeout, delay and lease in a schedule. */
const LONG_MS = 60_000;
const MAX_LANE_DELAY_MS = 25;
const SLOW_LANE_DELAY_MS = 150;
const SESSIONS_PER_NODE_AT_START = 2;
const CONTINUATION_PAUSE_MS = 3;

/** A cluster on virtual time, its clients, and the hand of fate. */
export class World {
  readonly journal = new Journal();
  readonly time = new VirtualTime();
  readonly nodes: SimulatedNode[] = [];
  readonly clients: Client[] = [];
  readonly hub: FaultyHub;
  readonly #schedule: Schedule;
  readonly #meddle: Meddle | undefined;
  readonly #random: () => number;
  readonly #laneDelayMs = new Map<string, number>();
  #underWayCount = 0;
  #nextSessionId = 1;

  constructor(schedule: Schedule, meddle: Meddle | undefined) {
    this.#schedule = schedule;
    this.#meddle = meddle;
    this.#random = seededRandom(schedule.seed);
    this.hub = new FaultyHub({
      batchCount: schedule.batchCount,
      after: (delayMs, action) => this.time.after(delayMs, action),
      schedule: (from, to, deliver) => {
        this.#underWayCount++;
        this.time.after(this.#delayMs(`${from} ${to}`), () => {
          this.#underWayCount--;
          deliver();
        });
      },
    });
  }

  get liveNodes(): SimulatedNode[] {
    return this.nodes.filter(({ state }) => state === 'live');
  }

  /** Cut off or not: whoever might be brought back. */
  get healableNodes(): SimulatedNode[] {
    return this.nodes.filter(({ state }) => state === 'live' || state === 'banished');
  }

  get openClients(): Client[] {
    return this.clients.filter(({ isOpen }) => isOpen);
  }

  async begin(): Promise<void> {
    for (let count = 0; count < this.#schedule.nodeCount; count++) this.#start();
    await this.pass(LONG_MS);
    for (const node of this.liveNodes)
      for (let count = 0; count < SESSIONS_PER_NODE_AT_START; count++) this.#join(node, 'all');
    await this.pass(0);
  }

  async pass(forMs: number): Promise<void> {
    await endOfTurn();
    this.#turnEnded();
    await this.time.advanceTo(this.time.nowMs + forMs, () => this.#turnEnded());
  }

  /** Ends every trouble: the cut off are back, the dead are declared so. What is under way arrives. */
  async settle(): Promise<void> {
    for (const node of this.nodes) this.hub.faults.heal(node.id);
    await this.pass(LONG_MS);
  }

  async takeStep(step: Step): Promise<void> {
    await this.pass(step.pauseMs);
    this.journal.tick();
    this.#perform(step);
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
        this.#subscribe(step);
        break;
      case 'unsubscribe':
        this.#unsubscribe(step);
        break;
      case 'publish':
        this.#publish(step);
        break;
      case 'register':
        this.#register(step);
        break;
      case 'unregister':
        this.#unregister(step);
        break;
      case 'call':
        this.#call(step);
        break;
      case 'cancel':
        this.#cancel(step);
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
        this.hub.faults.empty();
        break;
      case 'return':
        this.#return(step);
        break;
      case 'banish':
        this.#banish(step);
        break;
      case 'rob':
        this.#rob(pick(this.liveNodes, step.node));
        break;
      case 'heal':
        this.hub.faults.heal(pick(this.healableNodes, step.node)?.id ?? ('' as NodeId));
        break;
    }
  }

  #start(): void {
    const node = new SimulatedNode({
      id: `n${this.nodes.length + 1}` as NodeId,
      hub: this.hub,
      time: this.time,
      journal: this.journal,
      random: this.#random,
      proposeSessionId: () => this.#proposeSessionId(),
      meddle: this.#meddle,
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
      // It was free if the node of the other was declared dead while the id was being asked for.
      const others = this.openClients.filter(({ node: other }) => other.state !== 'banished');
      if (others.some(({ session }) => session === client.session))
        this.journal.violate('SES-2', `${client.name} has the id of another session`);
      this.clients.push(client);
    });
  }

  #subscribe({ client: index, topic }: StepOf<'subscribe'>): void {
    const client = pick(this.openClients, index);
    if (client === undefined) return;
    const request = client.nextRequest();
    const pattern = SUBSCRIPTIONS[topic]!;
    client.asked.set(request, { kind: 'subscribe', pattern, at: this.journal.at, invoke: '', concurrency: 0 });
    client.node.realm.route(client, [Code.SUBSCRIBE, request, { match: pattern[1] }, pattern[0]], false);
  }

  #unsubscribe({ client: index, which }: StepOf<'unsubscribe'>): void {
    const client = pick(this.openClients, index);
    const subscription = client === undefined ? undefined : pick([...client.subscriptions.values()], which);
    if (client === undefined || subscription === undefined) return;
    subscription.until = this.journal.at;
    const request = client.nextRequest();
    client.unsubscribing.set(request, subscription.id);
    client.node.realm.route(client, [Code.UNSUBSCRIBE, request, subscription.id], false);
  }

  #publish({ client: index, topic, count, acknowledge, excludeMe, audience }: StepOf<'publish'>): void {
    const client = pick(this.openClients, index);
    if (client === undefined) return;
    for (let sent = 0; sent < count; sent++) {
      const named = this.#named(audience, client);
      const lists = listsOf(audience, named);
      const publication: PublicationRecord = {
        number: this.journal.publications.length,
        client,
        topic: TOPICS[topic]!,
        at: this.journal.tick(),
        excludeMe,
        audience,
        named,
        acknowledge,
        answer: undefined,
        isRefused: false,
      };
      this.journal.publications.push(publication);
      const request = client.nextRequest();
      if (acknowledge) client.publishing.set(request, publication);
      const note = new Note({ publication: publication.number });
      const options = {
        acknowledge,
        excludeMe,
        discloseMe: false,
        ...(lists === undefined ? {} : { audience: lists }),
      };
      this.#watchDrops(publication);
      client.node.realm.route(client, [Code.PUBLISH, request, options, publication.topic, note], false);
    }
  }

  /** A drop of what was not acknowledged shows in a counter alone, at the end of this turn. */
  #watchDrops(publication: PublicationRecord): void {
    const { counters } = publication.client.node;
    const before = counters.eventsDropped.node_unreachable;
    setImmediate(() => {
      if (counters.eventsDropped.node_unreachable !== before) publication.isRefused = true;
    });
  }

  #register({ client: index, procedure, invoke, force, concurrency }: StepOf<'register'>): void {
    const client = pick(this.openClients, index);
    if (client === undefined) return;
    const request = client.nextRequest();
    const pattern = REGISTRATIONS[procedure]!;
    const [uri, match] = pattern;
    client.asked.set(request, { kind: 'register', pattern, at: this.journal.at, invoke, concurrency });
    this.journal.claims.push({ procedure: uri, match, force, at: this.journal.at });
    const options = {
      match,
      invoke,
      discloseCaller: false,
      forwardTimeout: false,
      forceReregister: force,
      ...(concurrency === 0 ? {} : { concurrency }),
    };
    client.node.realm.route(client, [Code.REGISTER, request, options, uri], false);
  }

  #unregister({ client: index, which }: StepOf<'unregister'>): void {
    const client = pick(this.openClients, index);
    const registration = client === undefined ? undefined : pick([...client.registrations.values()], which);
    if (client === undefined || registration === undefined) return;
    registration.until = this.journal.at;
    client.registrations.delete(registration.id);
    const id = registration.id;
    client.node.realm.route(client, [Code.UNREGISTER, client.nextRequest(), id], false);
  }

  #call(step: StepOf<'call'>): void {
    const client = pick(this.openClients, step.client);
    if (client === undefined) return;
    for (let made = 0; made < step.count; made++) {
      const { timeoutMs, receiveProgress, chunkCount, plan } = step;
      const call: CallRecord = {
        number: this.journal.calls.length,
        client,
        request: client.nextRequest(),
        procedure: PROCEDURES[step.procedure]!,
        at: this.journal.tick(),
        atMs: this.time.nowMs,
        timeoutMs,
        receiveProgress,
        isChunked: chunkCount > 0,
        plan,
        sentAt: [],
        invocations: [],
        cancelMode: undefined,
        progressCount: 0,
        end: undefined,
      };
      this.journal.calls.push(call);
      client.calls.set(call.request, call);
      this.#sendChunk(call, 0, chunkCount);
    }
  }

  /** The first chunk is the CALL itself; the others follow one by one while the call is pending. */
  #sendChunk(call: CallRecord, chunk: number, chunkCount: number): void {
    const { client, request, procedure, timeoutMs, receiveProgress } = call;
    if (!client.isOpen) return;
    const progress = chunk < chunkCount;
    const options = { timeoutMs, receiveProgress, progress, discloseMe: false };
    const note = new Note({ call: call.number, chunk, isLast: !progress });
    const message = [Code.CALL, request, options, procedure, note] as const;
    if (chunk === 0) client.node.realm.route(client, message, false);
    else client.node.realm.continueCall(client, message);
    if (progress) this.time.after(CONTINUATION_PAUSE_MS, () => this.#sendChunk(call, chunk + 1, chunkCount));
  }

  #cancel({ client: index, which, mode }: StepOf<'cancel'>): void {
    const client = pick(this.openClients, index);
    const pending = [...(client?.calls.values() ?? [])].filter(({ end }) => end === undefined);
    const call = pick(pending, which);
    if (client === undefined || call === undefined) return;
    call.cancelMode ??= mode;
    client.node.realm.route(client, [Code.CANCEL, call.request, { mode }], false);
  }

  #stop({ node: index }: StepOf<'stop'>): void {
    if (this.liveNodes.length > 1) void pick(this.liveNodes, index)?.stop();
  }

  #kill({ node: index, keptCount, leaseMs }: StepOf<'kill'>): void {
    const node = pick(this.liveNodes, index);
    if (node === undefined || this.liveNodes.length < 2) return;
    this.hub.faults.kill(node.id, keptCount);
    node.die();
    this.time.after(leaseMs, () => this.hub.faults.declareDead(node.id));
  }

  #lose({ from, to }: StepOf<'lose'>): void {
    const [one, other] = [pick(this.liveNodes, from), pick(this.liveNodes, to)];
    if (one !== undefined && other !== undefined && one !== other) this.hub.faults.loseNext(one.id, other.id);
  }

  #return({ from, to }: StepOf<'return'>): void {
    const [one, other] = [pick(this.liveNodes, from), pick(this.liveNodes, to)];
    if (one !== undefined && other !== undefined && one !== other) this.hub.faults.returnNext(one.id, other.id);
  }

  #isolate(node: SimulatedNode | undefined, returns: boolean): void {
    if (node === undefined || this.hub.faults.isIsolated(node.id)) return;
    node.isolatedAt.push(this.journal.tick());
    this.hub.faults.isolate(node.id, { returns });
  }

  #part({ from, to, returns }: StepOf<'part'>): void {
    const [one, other] = [pick(this.liveNodes, from), pick(this.liveNodes, to)];
    if (one === undefined || other === undefined || one === other) return;
    for (const node of [one, other]) node.isolatedAt.push(this.journal.tick());
    this.hub.faults.disconnect(one.id, other.id, { returns: returns ?? false });
  }

  #banish({ node: index, leaseMs }: StepOf<'banish'>): void {
    const node = pick(this.liveNodes, index);
    if (node === undefined || this.liveNodes.length < 2) return;
    this.#isolate(node, true);
    this.time.after(leaseMs, () => {
      if (node.state !== 'live' || !this.hub.faults.isIsolated(node.id)) return;
      node.banish();
      this.hub.faults.declareDead(node.id);
    });
  }

  #rob(node: SimulatedNode | undefined): void {
    if (node === undefined || this.hub.faults.isIsolated(node.id)) return;
    node.robbedAt.push(this.journal.tick());
    this.hub.faults.loseCallees(node.id);
  }

  #proposeSessionId(): SessionId {
    // Of a node that was declared dead they are free again, and no list of ids could tell the two sessions apart.
    const taken = this.openClients.filter(({ node }) => node.state !== 'banished');
    if (taken.length > 0 && this.#random() < 0.3) return pick(taken, Math.floor(this.#random() * 1_000))!.session;
    return this.#nextSessionId++ as SessionId;
  }

  #named(audience: AudienceChoice, publisher: Client): ReadonlySet<Client> {
    const clients = this.clients;
    switch (audience) {
      case 'everybody':
      case 'nobody':
        return new Set();
      case 'eligible_role':
      case 'exclude_role':
        // Also those that join later.
        return { has: (client: Client) => client.authrole === ROLES[0] } as unknown as ReadonlySet<Client>;
      case 'eligible_some':
      case 'exclude_some':
      case 'exclude_authid':
        return new Set(clients.filter((client, index) => index % 2 === 0 || client === publisher));
    }
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
    if (this.#underWayCount === 0) this.journal.markQuiet();
  }
}

const ROLES = ['red', 'blue'];
const MAX_NODES = 8;

function listsOf(audience: AudienceChoice, named: ReadonlySet<Client>): AudienceLists | undefined {
  switch (audience) {
    case 'everybody':
      return undefined;
    case 'nobody':
      return { eligible: new Set() };
    case 'eligible_some':
      return { eligible: new Set([...named].map(({ session }) => session)) };
    case 'exclude_some':
      return { exclude: new Set([...named].map(({ session }) => session)) };
    case 'exclude_authid':
      return { excludeAuthid: new Set([...named].map(({ authid }) => authid)) };
    case 'eligible_role':
      return { eligibleAuthrole: new Set([ROLES[0]!]) };
    case 'exclude_role':
      return { excludeAuthrole: new Set([ROLES[0]!]) };
  }
}

function pick<T>(list: readonly T[], index: number): T | undefined {
  return list[index % list.length];
}
