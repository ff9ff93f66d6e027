import type { Frame } from '../../routing/frames.js';
import type { Claim, ClaimOutcome, Publication, Registration } from '../../routing/ports.js';
import type { SessionDetails, SessionRow, Sessions } from '../session-row.js';
import { allCallees, NOBODY, withSuccessors } from '../../routing/successors.js';
import { fault } from '../../wamp/faults.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { ErrorUri } from '../../wamp/uris.js';
import {
  BackplaneUnavailableError,
  UNREACHABLE_NOW,
  type Backplane,
  type BackplaneEvents,
  type Bus,
  type Directory,
  type Standing,
} from '../backplane.js';
import { Barriers } from '../barriers.js';
import { InterestMirror } from '../interest-mirror.js';
import type { Change, SharedDirectory, Snapshot } from './directory.js';
import type { HubPort, NodeMessage } from './port.js';
import { MemoryTakeovers } from './takeovers.js';

type State = 'joined' | 'live' | 'isolated' | 'over';

interface Serving {
  readonly ready: Promise<void>;
  readonly resolve: () => void;
  /** Of its snapshot; one of an earlier time, when the realm was served before, is not for this one. */
  readonly revision: number;
}

const ACCEPTED = Promise.resolve();

/** One node of a MemoryHub: its own mirrors, fed by what it is told, and its own waiting. */
export class MemoryNode implements Backplane, Bus, Directory {
  readonly node: NodeId;
  readonly bus: Bus = this;
  readonly directory: Directory = this;
  readonly sessions: Sessions = {
    get: (realm, session) => this.#read(() => this.#shared.session(realm, session)),
    list: (realm, roles) => this.#listSessions(realm, roles),
    count: (realm, roles) => this.#read(() => this.#shared.sessionsOf(realm, roles).length),
  };
  readonly #hub: HubPort<MemoryNode>;
  readonly #shared: SharedDirectory;
  readonly #mirrors = new Map<Uri, InterestMirror<NodeId>>();
  readonly #serving = new Map<Uri, Serving>();
  readonly #barriers = new Barriers();
  /** Watches not yet known everywhere, by realm, policy and topic. */
  readonly #watching = new Map<string, Promise<void>>();
  readonly #takeovers: MemoryTakeovers;
  /** What could not be written while the directory was out of reach. */
  #postponed: (() => void)[] = [];
  #events: BackplaneEvents | undefined;
  #state: State = 'joined';
  /** Declared dead while it was cut off. */
  #isExpired = false;
  /** Declared dead, and not told. */
  #isBanished = false;
  #revision = 0;

  constructor(node: NodeId, hub: HubPort<MemoryNode>) {
    this.node = node;
    this.#hub = hub;
    this.#shared = hub.directory;
    this.#takeovers = new MemoryTakeovers({
      after: (delayMs, action) => hub.after(delayMs, action),
      limitMs: hub.takeoverMs,
      decide: (realm, claim) => {
        if (hub.isEmptied) return undefined;
        const outcome = this.#shared.claim(this.node, realm, claim);
        if (outcome.kind === 'granted') return this.#confirmed(realm, claim, outcome.registration);
        return this.#mayGo(realm, claim) ? undefined : outcome;
      },
    });
  }

  get isIsolated(): boolean {
    return this.#isExpired;
  }

  standing(): Standing {
    if (this.#state === 'over') return 'over';
    return this.#isExpired ? 'isolated' : 'certain';
  }

  /** It takes part no more. */
  get isOver(): boolean {
    return this.#state === 'over';
  }

  start(events: BackplaneEvents): Promise<void> {
    if (this.#state !== 'joined') return Promise.reject(new Error(`backplane of ${this.node} was started before`));
    this.#events = events;
    this.#state = 'live';
    this.#hub.enter(this);
    return Promise.resolve();
  }

  serve(realm: Uri): Promise<void> {
    const known = this.#serving.get(realm);
    if (known !== undefined) return known.ready;
    if (this.#state !== 'live') return Promise.reject(this.#unavailable('serve'));
    if (this.#hub.isEmptied) return this.#whenWhole(() => this.serve(realm));
    let resolve = (): void => undefined;
    const ready = new Promise<void>((done) => (resolve = done));
    this.#serving.set(realm, { ready, resolve, revision: this.#shared.serve(this.node, realm) });
    return ready;
  }

  withdraw(realm: Uri): Promise<void> {
    const serving = this.#serving.get(realm);
    if (serving === undefined) return ACCEPTED;
    serving.resolve();
    this.#serving.delete(realm);
    this.#mirrors.delete(realm);
    return this.#write(() => this.#shared.withdraw(this.node, realm));
  }

  stop(): Promise<void> {
    this.#isBanished = false;
    if (this.#state === 'over') return ACCEPTED;
    this.#hub.leave(this);
    this.end(true);
    return ACCEPTED;
  }

  watch(realm: Uri, topic: Uri, match: MatchPolicy): void | Promise<void> {
    const key = `${realm}\n${match}\n${topic}`;
    const underWay = this.#watching.get(key);
    if (underWay !== undefined) return underWay;
    if (this.#state !== 'live') return Promise.reject(this.#unavailable('watch'));
    if (this.#hub.isEmptied) return this.#watchLater(key, () => this.watch(realm, topic, match));
    if (!this.#shared.watch(this.node, realm, topic, match)) return;
    const others = [...this.#shared.serving(realm)].filter((node) => node !== this.node);
    const known = this.#barriers.wait(this.#shared.revision, others);
    if (known === undefined) return;
    this.#watching.set(key, known);
    const forget = (): void => {
      if (this.#watching.get(key) === known) this.#watching.delete(key);
    };
    known.then(forget, forget);
    return known;
  }

  unwatch(realm: Uri, topic: Uri, match: MatchPolicy): void {
    this.#watching.delete(`${realm}\n${match}\n${topic}`);
    void this.#write(() => this.#shared.unwatch(this.node, realm, topic, match));
  }

  publish(realm: Uri, publication: Publication): void | Promise<void> {
    if (this.#state === 'over' || this.#isExpired) return Promise.reject(this.#unavailable('publish'));
    if (this.#hub.liveCount < 2) return;
    const nodes = this.#mirrors.get(realm)?.nodesFor(publication.topic);
    if (nodes === undefined || nodes.length === 0) return;
    const message = { kind: 'publication', realm, publication } as const;
    let refusal: BackplaneUnavailableError | undefined;
    for (const node of nodes) refusal = this.#say(node, message) ?? refusal;
    if (refusal === undefined) return ACCEPTED;
    this.#hub.count('refused');
    return Promise.reject(refusal);
  }

  send(to: NodeId, realm: Uri, frame: Frame): boolean {
    return this.#sayOrLose(to, { kind: 'frame', realm, frame });
  }

  carries(): boolean {
    return true;
  }

  claim(realm: Uri, claim: Claim): Promise<ClaimOutcome> {
    return this.#hub.isEmptied ? this.#whenWhole(() => this.#claim(realm, claim)) : this.#claim(realm, claim);
  }

  async #claim(realm: Uri, claim: Claim): Promise<ClaimOutcome> {
    try {
      if (this.#state !== 'live') throw this.#unavailable('claim');
      const outcome = this.#shared.claim(this.node, realm, claim);
      if (outcome.kind === 'granted') return await this.#confirmed(realm, claim, outcome.registration);
      return this.#mayGo(realm, claim) ? await this.#takeovers.wait(realm, claim, outcome) : outcome;
    } catch (cause) {
      if (!(cause instanceof BackplaneUnavailableError)) throw cause;
      return { kind: 'failed', fault: fault(ErrorUri.NETWORK_FAILURE, UNREACHABLE_NOW) };
    }
  }

  release(realm: Uri, registration: RegistrationId, callee: SessionId): Promise<void> {
    this.#takeovers.abandon(registration, callee);
    return this.#write(() => this.#shared.release(this.node, realm, registration, callee));
  }

  join(realm: Uri, session: SessionDetails): boolean | Promise<boolean> {
    if (this.#state !== 'live') return Promise.reject(this.#unavailable('join'));
    if (this.#hub.isEmptied) return this.#whenWhole(() => this.join(realm, session));
    const joined = this.#shared.join(this.node, realm, session);
    // Where there are others to ask, the answer takes a while on every backplane.
    return this.#hub.liveCount < 2 ? joined : Promise.resolve(joined);
  }

  leave(_realm: Uri, session: SessionId): void {
    void this.#write(() => this.#shared.leave(this.node, session));
  }

  /** In one part. */
  async *#listSessions(realm: Uri, roles: readonly string[] | undefined): AsyncGenerator<readonly SessionRow[]> {
    yield await this.#read(() => this.#shared.sessionsOf(realm, roles));
  }

  #read<Result>(look: () => Result): Promise<Result> {
    if (this.#state !== 'live') return Promise.reject(this.#unavailable('sessions'));
    return this.#hub.isEmptied ? this.#whenWhole(look) : Promise.resolve(look());
  }

  /** What the directory told this node. */
  receiveChange(change: Change): void {
    if (this.#state === 'over') return;
    this.#apply(change);
    this.#revision = change.revision;
    if (change.asker === this.node) this.#barriers.confirm(this.node, change.revision);
    else if (change.asker !== undefined) this.#confirmTo(change.asker);
    if (this.#state === 'live') this.#takeovers.retry();
  }

  /** What another node said; undefined: something of it was lost. */
  receive(from: NodeId, message: NodeMessage | undefined): void {
    if (this.#state === 'over') return;
    switch (message?.kind) {
      case 'publication':
        if (this.#serving.has(message.realm)) this.#events?.publication(from, message.realm, message.publication);
        break;
      case 'frame':
        this.#events?.frame(from, message.realm, message.frame);
        break;
      case 'confirmed':
        this.#barriers.confirm(from, message.revision);
        break;
      case 'missed':
        this.#confirmTo(from);
        break;
      case undefined:
        this.#hub.count('lost');
        this.#events?.gap(from, 'messages were lost');
        this.#sayOrLose(from, { kind: 'missed' });
        this.#confirmTo(from);
        break;
    }
  }

  /** Says `nodeGone`; whatever the node said before has arrived or never will. */
  sayGone(node: NodeId): void {
    if (this.#state !== 'over') this.#events?.nodeGone(node);
  }

  /** Other nodes and the directory are out of reach. */
  isolate(): void {
    if (this.#state !== 'live') return;
    this.#state = 'isolated';
    this.#takeovers.failAll(this.#unavailable('claim'));
    this.#events?.down('it was cut off');
  }

  /** Declared dead while it is cut off: the others do not wait for it any more. */
  expire(): void {
    this.#isExpired = true;
  }

  heal(): void {
    if (this.#state !== 'isolated') return;
    this.#state = 'live';
    const postponed = this.#postponed;
    this.#postponed = [];
    for (const write of postponed) write();
    this.#events?.up();
  }

  /** A frame that had been taken found nobody who listened. */
  sayReturned(to: NodeId, realm: Uri, frame: Frame): void {
    if (this.#state !== 'over') this.#events?.returned(to, realm, frame);
  }

  /** The others have declared it dead: it takes part no more. False: it did not live, or has left. */
  banish(): boolean {
    if (this.#state === 'over') return false;
    this.end(true);
    this.#isBanished = true;
    return true;
  }

  sayFenced(): void {
    if (!this.#isBanished) return;
    this.#isBanished = false;
    this.#events?.fenced();
  }

  /** It takes part no more. With `isKnown` whoever waits is told; a node that died tells nobody. */
  end(isKnown: boolean): void {
    this.#state = 'over';
    this.#postponed = [];
    this.#mirrors.clear();
    for (const { resolve } of this.#serving.values()) resolve();
    this.#serving.clear();
    if (isKnown) this.#takeovers.failAll(this.#unavailable('claim'));
    else this.#takeovers.forget();
    if (isKnown) this.#barriers.rejectAll(this.#unavailable('wait for other nodes'));
  }

  /** Nodes this one believes to be interested in something of the realm. */
  interestedNodes(realm: Uri): readonly NodeId[] {
    return [...(this.#mirrors.get(realm)?.nodes ?? [])];
  }

  async #confirmed(realm: Uri, { callee, invoke }: Claim, registration: Registration): Promise<ClaimOutcome> {
    await this.#barriers.wait(this.#shared.revision, this.#shared.serving(realm));
    if (registration.successors?.includes(callee) !== true) return { kind: 'granted', registration };
    void this.#write(() => this.#shared.complete(this.node, realm, registration.id, callee.session));
    return { kind: 'granted', registration: withSuccessors({ ...registration, invoke, callees: [callee] }, NOBODY) };
  }

  /** Nobody is known to keep what is claimed. */
  #mayGo(realm: Uri, { match, procedure }: Claim): boolean {
    const held = this.#shared.registration(realm, match, procedure);
    const callees = held === undefined ? NOBODY : allCallees(held);
    return callees.length > 0 && !callees.some(({ node }) => this.#hub.isPresent(this.node, node));
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'registration':
        if (this.#mirrors.has(change.realm)) this.#events?.registration(change.realm, change.registration);
        break;
      case 'watch':
        if (change.node !== this.node) this.#mirrors.get(change.realm)?.add(change.node, change.topic, change.match);
        break;
      case 'unwatch':
        this.#mirrors.get(change.realm)?.remove(change.node, change.topic, change.match);
        break;
      case 'snapshot':
        this.#load(change.realm, change.revision, change.snapshot);
        break;
      case 'withdrawn':
        this.#mirrors.get(change.realm)?.dropNode(change.node);
        break;
      case 'sessions_lost':
        this.#events?.sessionsLost?.(change.node, change.sessions);
        break;
      case 'gone':
        this.#barriers.drop(change.node);
        break;
    }
  }

  #load(realm: Uri, revision: number, { registrations, interests }: Snapshot): void {
    const serving = this.#serving.get(realm);
    if (serving?.revision !== revision) return;
    const mirror = new InterestMirror<NodeId>();
    for (const { node, topic, match } of interests) mirror.add(node, topic, match);
    this.#mirrors.set(realm, mirror);
    for (const registration of registrations) this.#events?.registration(realm, registration);
    serving.resolve();
  }

  #confirmTo(node: NodeId): void {
    this.#sayOrLose(node, { kind: 'confirmed', revision: this.#revision });
  }

  #sayOrLose(to: NodeId, message: NodeMessage): boolean {
    if (this.#say(to, message) === undefined) return true;
    this.#hub.lane(this.node, to)?.lose();
    return false;
  }

  /** The reason why the message was not taken, if so. A node that has gone takes everything. */
  #say(to: NodeId, message: NodeMessage): BackplaneUnavailableError | undefined {
    if (this.#state !== 'live') return this.#unavailable(message.kind);
    const lane = this.#hub.lane(this.node, to);
    if (lane === undefined) return undefined;
    if (!this.#hub.canReach(this.node, to)) {
      lane.lose();
      return new BackplaneUnavailableError(`${message.kind} to ${to}: it is out of reach`);
    }
    if (lane.mustReturn()) {
      if (message.kind === 'publication') return new BackplaneUnavailableError(`publication to ${to}: nobody listened`);
      this.#hub.giveBack(this.node, to, message);
      return undefined;
    }
    return lane.push(message) ? undefined : new BackplaneUnavailableError(`${message.kind} to ${to}: its lane is full`);
  }

  #write(step: () => void): Promise<void> {
    if (this.#state === 'live' && this.#hub.isEmptied) return this.#whenWhole(() => this.#write(step));
    if (this.#state === 'live') step();
    else if (this.#state === 'isolated')
      return new Promise((resolve) => {
        this.#postponed.push(() => void this.#write(step).then(resolve));
      });
    return ACCEPTED;
  }

  /** A node that is over then is answered by its end, if by anything. */
  #whenWhole<Result>(step: () => Result | Promise<Result>): Promise<Result> {
    return new Promise((resolve) => {
      this.#hub.whenWhole(this.node, () => {
        if (this.#state !== 'over') resolve(step());
      });
    });
  }

  /** Nothing of it is left to do if it was given up meanwhile. */
  #watchLater(key: string, watch: () => void | Promise<void>): Promise<void> {
    const known: Promise<void> = this.#whenWhole(() => {
      if (this.#watching.get(key) !== known) return;
      this.#watching.delete(key);
      return watch();
    });
    this.#watching.set(key, known);
    return known;
  }

  #unavailable(operation: string): BackplaneUnavailableError {
    return new BackplaneUnavailableError(`${operation}: node ${this.node} is ${this.#state}`);
  }
}
