import type { Frame } from '../../routing/frames.js';
import type { Claim, ClaimOutcome, Publication, Registration } from '../../routing/ports.js';
import type { Rest } from '../../routing/rest.js';
import type { SessionDetails } from '../session-row.js';
import { NOBODY, withSuccessors } from '../../routing/successors.js';
import { fault } from '../../wamp/faults.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { ErrorUri } from '../../wamp/uris.js';
import {
  BackplaneUnavailableError,
  UNREACHABLE_NOW,
  type Answers,
  type Backplane,
  type BackplaneEvents,
  type Bus,
  type Directory,
  type Standing,
} from '../backplane.js';
import { Questions } from '../questions.js';
import type { DirectoryChange, SharedDirectory } from './directory.js';
import type { HubMember, HubPort, NodeMessage } from './port.js';
import { sharedStepUnless } from './shared-step.js';
import { RealmMirrors } from './realm-mirrors.js';
import { MemorySessions } from './sessions.js';
import { MemoryEventHistory } from './event-history.js';
import { MemoryExpiringStore } from './expiring-store.js';
import { MemoryRetainedEvents } from './retained-events.js';
import { isHeldByAbsent, MemoryTakeovers } from './takeovers.js';
import { MemoryWatches } from './watches.js';
import { VersionWaits } from './version-waits.js';

type State = 'joined' | 'live' | 'isolated' | 'over';

const ACCEPTED = Promise.resolve();

/** One node of a MemoryHub, with mirrors of its own, which only change by what reaches it. */
export class MemoryNode implements Backplane, Bus, Directory, HubMember {
  readonly node: NodeId;
  readonly bus: Bus = this;
  readonly directory: Directory = this;
  readonly sessions: MemorySessions;
  readonly expiring: MemoryExpiringStore;
  readonly retained: MemoryRetainedEvents;
  readonly history: MemoryEventHistory;
  readonly #hub: HubPort;
  readonly #shared: SharedDirectory;
  readonly #realms: RealmMirrors;
  readonly #waits = new VersionWaits();
  readonly #watches: MemoryWatches;
  readonly #takeovers: MemoryTakeovers;
  readonly #questions: Questions;
  /** Writes from while the directory was out of reach. */
  readonly #postponed: (() => void)[] = [];
  #events: BackplaneEvents | undefined;
  #state: State = 'joined';
  /** Declared dead while it was isolated. */
  #isExpired = false;
  /** Declared dead, and not notified of it. */
  #isFenceDue = false;
  /** Version of the last change that was applied. */
  #version = 0;

  constructor(node: NodeId, hub: HubPort) {
    this.node = node;
    this.#hub = hub;
    this.#shared = hub.directory;
    this.sessions = new MemorySessions(this.#shared, (look) => this.#read(look));
    const share = sharedStepUnless(() => (this.#state === 'live' ? undefined : this.#unavailable('shared state')));
    this.expiring = new MemoryExpiringStore(hub.expiring, share);
    this.retained = new MemoryRetainedEvents(hub.retained, share);
    this.history = new MemoryEventHistory(hub.history, share);
    this.#realms = new RealmMirrors(
      node,
      (realm, registration) => this.#events?.registration(realm, registration),
      (realm, change) => this.#events?.topic?.(realm, change),
    );
    this.#questions = new Questions({
      node,
      after: (delayMs, action) => hub.after(delayMs, action),
      send: (to, item) => this.#push(to, item) === undefined,
      serves: (realm) => this.#realms.readyOf(realm) !== undefined,
    });
    this.#watches = new MemoryWatches({
      node,
      shared: hub.directory,
      waits: this.#waits,
      refusal: () => (this.#state === 'live' ? undefined : this.#unavailable('watch')),
      recovery: () => (hub.isRecovering ? (step) => this.#whenRecovered(step) : undefined),
      write: (step) => void this.#write(step),
      topicChanged: (realm, change) => this.#events?.topic?.(realm, change),
    });
    this.#takeovers = new MemoryTakeovers({
      after: (delayMs, action) => hub.after(delayMs, action),
      limitMs: hub.takeoverMs,
      decide: (realm, claim) => {
        if (hub.isRecovering) return undefined;
        const outcome = this.#shared.claim(this.node, realm, claim);
        if (outcome.kind === 'granted') return this.#confirmed(realm, claim, outcome.registration);
        return isHeldByAbsent(this.#hub, this.node, realm, claim) ? undefined : outcome;
      },
    });
  }

  get isIsolated(): boolean {
    return this.#isExpired;
  }

  get isCutOff(): boolean {
    return this.#state !== 'live';
  }

  get isAlone(): boolean {
    return this.#hub.liveCount < 2;
  }

  standing(): Standing {
    if (this.#state === 'over') return 'over';
    return this.#isExpired ? 'isolated' : 'certain';
  }

  get isOver(): boolean {
    return this.standing() === 'over';
  }

  start(events: BackplaneEvents): Promise<void> {
    if (this.#state !== 'joined') return Promise.reject(new Error(`backplane of ${this.node} was started before`));
    this.#events = events;
    this.#questions.connect(events);
    this.#state = 'live';
    this.#hub.enter(this);
    return Promise.resolve();
  }

  serve(realm: Uri): Promise<void> {
    const known = this.#realms.readyOf(realm);
    if (known !== undefined) return known;
    if (this.#state !== 'live') return Promise.reject(this.#unavailable('serve'));
    if (this.#hub.isRecovering) return this.#whenRecovered(() => this.serve(realm));
    return this.#realms.begin(realm, this.#shared.serve(this.node, realm));
  }

  withdraw(realm: Uri): Promise<void> {
    if (!this.#realms.end(realm)) return ACCEPTED;
    return this.#write(() => this.#shared.withdraw(this.node, realm));
  }

  ask(realm: Uri, subject: string, body: unknown, { timeoutMs }: { readonly timeoutMs: number }): Promise<Answers> {
    if (this.#realms.readyOf(realm) === undefined) return Promise.reject(this.#unavailable('ask'));
    return this.#questions.ask([...this.#shared.serving(realm)], realm, subject, body, timeoutMs);
  }

  askNode(to: NodeId, subject: string, body: unknown, { timeoutMs }: { readonly timeoutMs: number }): Promise<Answers> {
    return this.#questions.askNode(to, this.#hub.lane(this.node, to) !== undefined, subject, body, timeoutMs);
  }

  stop(): Promise<void> {
    this.#isFenceDue = false;
    if (this.#state === 'over') return ACCEPTED;
    this.#hub.leave(this);
    this.end(true);
    return ACCEPTED;
  }

  watch(realm: Uri, topic: Uri, match: MatchPolicy): void | Promise<void> {
    return this.#watches.watch(realm, topic, match);
  }

  unwatch(realm: Uri, topic: Uri, match: MatchPolicy, leaver?: SessionId): void {
    this.#watches.unwatch(realm, topic, match, leaver);
  }

  createdMs(realm: Uri, topic: Uri, match: MatchPolicy): number | undefined {
    return this.#shared.createdMs(realm, topic, match);
  }

  isWanted(realm: Uri, topic: Uri): boolean {
    return this.#realms.nodesFor(realm, topic).length > 0;
  }

  publish(realm: Uri, publication: Publication): void | Promise<void> {
    if (this.#state === 'over' || this.#isExpired) return Promise.reject(this.#unavailable('publish'));
    if (this.#hub.liveCount < 2) return;
    const nodes = this.#realms.nodesFor(realm, publication.topic);
    if (nodes.length === 0) return;
    const message = { kind: 'publication', realm, publication } as const;
    let refusal: BackplaneUnavailableError | undefined;
    for (const node of nodes) refusal = this.#push(node, message) ?? refusal;
    if (refusal === undefined) return ACCEPTED;
    this.#hub.count('refused');
    return Promise.reject(refusal);
  }

  send(to: NodeId, realm: Uri, frame: Frame): boolean {
    return this.#pushOrLose(to, { kind: 'frame', realm, frame });
  }

  carries(): boolean {
    return true;
  }

  claim(realm: Uri, claim: Claim): Promise<ClaimOutcome> {
    return this.#hub.isRecovering ? this.#whenRecovered(() => this.#claim(realm, claim)) : this.#claim(realm, claim);
  }

  async #claim(realm: Uri, claim: Claim): Promise<ClaimOutcome> {
    try {
      if (this.#state !== 'live') throw this.#unavailable('claim');
      const outcome = this.#shared.claim(this.node, realm, claim);
      if (outcome.kind === 'granted') return await this.#confirmed(realm, claim, outcome.registration);
      if (!isHeldByAbsent(this.#hub, this.node, realm, claim)) return outcome;
      return await this.#takeovers.wait(realm, claim, outcome);
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
    if (this.#hub.isRecovering) return this.#whenRecovered(() => this.join(realm, session));
    const joined = this.#shared.join(this.node, realm, session);
    // Where there are others to ask, the answer takes a while on every backplane.
    return this.isAlone ? joined : Promise.resolve(joined);
  }

  /** Removes the row at once, also while other nodes write their rows again: this node does not write it again. */
  leave(_realm: Uri, session: SessionId): void {
    const step = (): void => this.#shared.leave(this.node, session);
    if (this.#state === 'live') step();
    else void this.#write(step);
  }

  setTestaments(realm: Uri, session: SessionId, testaments: readonly Uint8Array[]): Promise<void> {
    if (this.#state !== 'live') return Promise.reject(this.#unavailable('setTestaments'));
    if (this.#hub.isRecovering) return this.#whenRecovered(() => this.setTestaments(realm, session, testaments));
    if (this.#shared.setTestaments(this.node, session, testaments)) return ACCEPTED;
    return Promise.reject(this.#unavailable('setTestaments: the session has left'));
  }

  #read<Result>(look: () => Result): Promise<Result> {
    if (this.#state !== 'live') return Promise.reject(this.#unavailable('sessions'));
    return this.#hub.isRecovering ? this.#whenRecovered(look) : Promise.resolve(look());
  }

  receiveChange(change: DirectoryChange): void {
    if (this.#state === 'over') return;
    if (change.kind === 'gone') this.#waits.drop(change.node);
    else if (change.kind === 'sessions_lost') this.#events?.sessionsLost?.(change.node, change.sessions);
    else this.#realms.apply(change);
    this.#version = change.version;
    if (change.requester === this.node) this.#waits.confirm(this.node, change.version);
    else if (change.requester !== undefined) this.#confirmTo(change.requester);
    if (this.#state === 'live') this.#takeovers.retry();
  }

  receive(from: NodeId, message: NodeMessage | undefined): Rest | undefined {
    if (this.#state === 'over') return undefined;
    switch (message?.kind) {
      case 'publication':
        if (this.#realms.readyOf(message.realm) === undefined) break;
        return this.#events?.publication(from, message.realm, message.publication);
      case 'frame':
        this.#events?.frame(from, message.realm, message.frame);
        break;
      case 'question':
      case 'answer':
        this.#questions.receive(from, message);
        break;
      case 'confirmed':
        this.#waits.confirm(from, message.version);
        break;
      case 'missed':
        this.#confirmTo(from);
        break;
      case undefined:
        this.#hub.count('lost');
        this.#events?.gap(from, 'messages were lost');
        this.#pushOrLose(from, { kind: 'missed' });
        this.#confirmTo(from);
    }
    return undefined;
  }

  notifyGone(node: NodeId): void {
    if (this.#state === 'over') return;
    this.#questions.nodeGone(node);
    this.#events?.nodeGone(node);
  }

  isolate(): void {
    if (this.isCutOff) return;
    this.#state = 'isolated';
    this.#takeovers.failAll(this.#unavailable('claim'));
    this.#questions.cutOff();
    this.#events?.down('it was cut off');
  }

  expire(): void {
    this.#isExpired = true;
  }

  heal(): void {
    if (this.#state !== 'isolated') return;
    this.#state = 'live';
    for (const write of this.#postponed.splice(0)) write();
    this.#events?.up();
  }

  notifyReturned(to: NodeId, realm: Uri, frame: Frame): void {
    if (this.#state !== 'over') this.#events?.returned(to, realm, frame);
  }

  fence(): boolean {
    if (this.#state === 'over') return false;
    this.end(true);
    this.#isFenceDue = true;
    return true;
  }

  notifyFenced(): void {
    if (!this.#isFenceDue) return;
    this.#isFenceDue = false;
    this.#events?.fenced();
  }

  end(isKnown: boolean): void {
    this.#state = 'over';
    this.#postponed.length = 0;
    this.#realms.endAll();
    if (isKnown) this.#takeovers.failAll(this.#unavailable('claim'));
    else this.#takeovers.forget();
    if (isKnown) this.#questions.stop();
    if (isKnown) this.#waits.rejectAll(this.#unavailable('wait for other nodes'));
  }

  interestedNodes(realm: Uri): readonly NodeId[] {
    return this.#realms.interestedNodes(realm);
  }

  async #confirmed(realm: Uri, { callee, invoke }: Claim, registration: Registration): Promise<ClaimOutcome> {
    await this.#waits.wait(this.#shared.version, this.#shared.serving(realm));
    if (registration.successors?.includes(callee) !== true) return { kind: 'granted', registration };
    void this.#write(() => this.#shared.complete(this.node, realm, registration.id, callee.session));
    return { kind: 'granted', registration: withSuccessors({ ...registration, invoke, callees: [callee] }, NOBODY) };
  }

  #confirmTo(node: NodeId): void {
    this.#pushOrLose(node, { kind: 'confirmed', version: this.#version });
  }

  #pushOrLose(to: NodeId, message: NodeMessage): boolean {
    if (this.#push(to, message) === undefined) return true;
    this.#hub.lane(this.node, to)?.lose();
    return false;
  }

  /** The reason why the message was not taken, if so. A node that has gone takes everything. */
  #push(to: NodeId, message: NodeMessage): BackplaneUnavailableError | undefined {
    if (this.#state !== 'live') return this.#unavailable(message.kind);
    const lane = this.#hub.lane(this.node, to);
    if (lane === undefined) return undefined;
    if (!this.#hub.canReach(this.node, to)) {
      lane.lose();
      return new BackplaneUnavailableError(`${message.kind} to ${to}: it is out of reach`);
    }
    if (lane.mustReturn()) {
      if (message.kind === 'publication') return new BackplaneUnavailableError(`publication to ${to}: nobody listened`);
      this.#hub.returnToSender(this.node, to, message);
      return undefined;
    }
    return lane.push(message) ? undefined : new BackplaneUnavailableError(`${message.kind} to ${to}: its lane is full`);
  }

  #write(step: () => void): Promise<void> {
    if (this.#state === 'live' && this.#hub.isRecovering) return this.#whenRecovered(() => this.#write(step));
    if (this.#state === 'live') step();
    else if (this.#state === 'isolated')
      return new Promise((resolve) => void this.#postponed.push(() => void this.#write(step).then(resolve)));
    return ACCEPTED;
  }

  /** A node that is over by then was answered by its end, if at all. */
  #whenRecovered<Result>(step: () => Result | Promise<Result>): Promise<Result> {
    return new Promise((resolve) => {
      this.#hub.whenRecovered(this.node, () => {
        if (this.#state !== 'over') resolve(step());
      });
    });
  }

  #unavailable(operation: string): BackplaneUnavailableError {
    return new BackplaneUnavailableError(`${operation}: node ${this.node} is ${this.#state}`);
  }
}
