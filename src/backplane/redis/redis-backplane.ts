import type { Frame } from '../../routing/frames.js';
import type { Claim, ClaimOutcome, Publication } from '../../routing/ports.js';
import type { ClusterGauges } from '../../telemetry/cluster-gauges.js';
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
import type { EventHistory } from '../event-history.js';
import type { ExpiringStore } from '../expiring-store.js';
import type { RetainedEvents } from '../retained-events.js';
import { Components } from './components.js';
import type { SessionDetails, Sessions } from '../session-row.js';
import { clusterGauges } from './gauges.js';
import type { RedisBackplaneOptions } from './options.js';
import { PROCESS } from './surroundings.js';

const ACCEPTED = Promise.resolve();

/** A node among others that share a Redis: passes each request to the component that carries it out. */
export class RedisBackplane implements Backplane, Bus, Directory {
  readonly node: NodeId;
  readonly bus: Bus = this;
  readonly directory: Directory = this;
  readonly sessions: Sessions;
  readonly expiring: ExpiringStore;
  readonly retained: RetainedEvents;
  readonly history: EventHistory;
  readonly gauges: ClusterGauges;
  readonly #components: Components;
  #isStarted = false;

  constructor(options: RedisBackplaneOptions) {
    this.node = `${options.name}-${(options.surroundings ?? PROCESS).incarnation()}` as NodeId;
    this.#components = new Components(this.node, options);
    this.sessions = this.#components.sessionReader;
    this.expiring = this.#components.expiring;
    this.retained = this.#components.retained;
    this.history = this.#components.history;
    this.gauges = clusterGauges(this.#components);
  }

  get isIsolated(): boolean {
    return this.#components.standing.isLeaseDoubtful;
  }

  get isCutOff(): boolean {
    const { standing, reachability } = this.#components;
    return !standing.isLive || !reachability.isUp;
  }

  get isAlone(): boolean {
    return this.#components.membership.isAlone;
  }

  standing(): Standing {
    return this.#components.standing.standing();
  }

  isWanted(realm: Uri, topic: Uri): boolean {
    return (this.#components.realms.get(realm)?.interestedNodes(topic).length ?? 0) > 0;
  }

  async start(events: BackplaneEvents): Promise<void> {
    if (this.#isStarted) throw new Error(`backplane of ${this.node} was started before`);
    this.#isStarted = true;
    this.#components.connect(events);
    await this.#components.lifecycle.start();
  }

  stop(): Promise<void> {
    return this.#components.lifecycle.stop();
  }

  serve(realm: Uri): Promise<void> {
    const { standing, realms } = this.#components;
    return standing.isLive ? realms.serve(realm) : Promise.reject(this.#unavailable('serve'));
  }

  withdraw(realm: Uri): Promise<void> {
    const { standing, sessions, realms } = this.#components;
    if (!standing.isLive) return ACCEPTED;
    sessions.leaveRealm(realm);
    return realms.withdraw(realm);
  }

  ask(realm: Uri, subject: string, body: unknown, { timeoutMs }: { readonly timeoutMs: number }): Promise<Answers> {
    const { realms, questions } = this.#components;
    const nodes = realms.get(realm)?.servingNodes;
    return nodes === undefined
      ? Promise.reject(this.#unavailable('ask'))
      : questions.ask(nodes, realm, subject, body, timeoutMs);
  }

  askNode(to: NodeId, subject: string, body: unknown, { timeoutMs }: { readonly timeoutMs: number }): Promise<Answers> {
    const { membership, questions } = this.#components;
    return questions.askNode(to, membership.isMember(to), subject, body, timeoutMs);
  }

  watch(realm: Uri, topic: Uri, match: MatchPolicy): void | Promise<void> {
    const directory = this.#components.realms.get(realm);
    return directory === undefined ? Promise.reject(this.#unavailable('watch')) : directory.watch(topic, match);
  }

  unwatch(realm: Uri, topic: Uri, match: MatchPolicy, leaver?: SessionId): void {
    this.#components.realms.get(realm)?.unwatch(topic, match, leaver);
  }

  createdMs(realm: Uri, topic: Uri, match: MatchPolicy): number | undefined {
    return this.#components.realms.get(realm)?.createdMs(topic, match);
  }

  publish(realm: Uri, publication: Publication): void | Promise<void> {
    const { standing, realms, reachability, lanes } = this.#components;
    if (standing.isOver) return Promise.reject(this.#unavailable('publish'));
    const nodes = realms.get(realm)?.interestedNodes(publication.topic);
    if (nodes === undefined) return;
    // While this node reaches the others nobody subscribes without its knowledge.
    if (nodes.length === 0) return reachability.isUp || !standing.isLeaseDoubtful ? undefined : lanes.refuse();
    return lanes.publish(nodes, realm, publication);
  }

  send(to: NodeId, realm: Uri, frame: Frame): boolean {
    const { standing, lanes } = this.#components;
    return standing.isLive && lanes.send(to, realm, frame);
  }

  carries(payloadBytes: number): boolean {
    return this.#components.lanes.carries(payloadBytes);
  }

  claim(realm: Uri, claim: Claim): Promise<ClaimOutcome> {
    const directory = this.#components.realms.get(realm);
    if (directory !== undefined) return directory.claim(claim);
    return Promise.resolve({ kind: 'failed', fault: fault(ErrorUri.NETWORK_FAILURE, UNREACHABLE_NOW) });
  }

  release(realm: Uri, registration: RegistrationId, callee: SessionId): Promise<void> {
    return this.#components.realms.get(realm)?.release(registration, callee) ?? ACCEPTED;
  }

  join(realm: Uri, session: SessionDetails): Promise<boolean> {
    const { standing, sessions } = this.#components;
    return standing.isLive ? sessions.join(realm, session) : Promise.reject(this.#unavailable('join'));
  }

  leave(_realm: Uri, session: SessionId): void {
    this.#components.sessions.leave(session);
  }

  setTestaments(_realm: Uri, session: SessionId, testaments: readonly Uint8Array[]): Promise<void> {
    const { standing, sessions } = this.#components;
    if (!standing.isLive) return Promise.reject(this.#unavailable('setTestaments'));
    return sessions.setTestaments(session, testaments);
  }

  #unavailable(operation: string): BackplaneUnavailableError {
    return new BackplaneUnavailableError(`${operation}: node ${this.node} is ${this.#components.standing.state}`);
  }
}
