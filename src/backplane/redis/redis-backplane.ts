import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Frame } from '../../routing/frames.js';
import type { Claim, ClaimOutcome, Publication } from '../../routing/ports.js';
import type { Identity } from '../../routing/peer.js';
import type { ClusterGauges } from '../../telemetry/cluster-gauges.js';
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
import { after, within } from './bounded.js';
import { clusterGauges } from './gauges.js';
import type { Speech } from './lanes/ports.js';
import { makeParts, type Parts } from './assemble.js';
import type { RedisBackplaneOptions } from './options.js';

const FAREWELL_MS = 2_000;
const RETRY_MS = 500;
const ACCEPTED = Promise.resolve();

/** A node among others that share a Redis: says what is wanted to the part that does it, and keeps the parts in step. */
export class RedisBackplane implements Backplane, Bus, Directory {
  readonly node: NodeId;
  readonly bus: Bus = this;
  readonly directory: Directory = this;
  readonly gauges: ClusterGauges;
  readonly #options: RedisBackplaneOptions;
  readonly #parts: Parts;
  #events: BackplaneEvents | undefined;
  #state: 'joined' | 'live' | 'over' = 'joined';
  #tickedAtMs = -Infinity;
  #wokeAtMs = -Infinity;
  #deniedAtMs = -Infinity;
  #cancelTick: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: RedisBackplaneOptions) {
    this.#options = options;
    this.node = `${options.name}-${randomUUID()}` as NodeId;
    this.#parts = makeParts(options, {
      node: this.node,
      events: () => this.#events,
      speech: () => this.#speech(),
      // Before it has entered there is no lease that could have run out; once it has left or was declared dead, there is none.
      mayListen: () => this.#state === 'joined' || this.#speech() === 'now',
      gone: (node) => this.#gone(node),
      denied: () => this.#denied(),
      condemned: () => this.#end(),
      fenced: () => this.#fenced(),
      emptied: () => this.#emptied(),
      settled: () => this.#settled(),
      recover: (isCurrent) => this.#recover(isCurrent),
      trouble: (operation, cause) => this.#trouble(operation, cause),
    });
    this.gauges = clusterGauges(this.#parts, {
      isUp: () => this.#state === 'live' && this.#parts.reach.isUp,
      isIsolated: () => this.standing() === 'isolated',
    });
  }

  get isIsolated(): boolean {
    return this.#state !== 'joined' && (this.#parts.doubt.isOpen || !this.#parts.membership.isLeaseValid());
  }

  standing(): Standing {
    if (this.#state === 'joined' || this.#speech() === 'now') return 'certain';
    if (this.#state === 'over') return 'over';
    const { doubt, reach, clock } = this.#parts;
    if (reach.isUp || doubt.isOpen) return 'unknown';
    // That the connections are lost is known before they can be back.
    const nowMs = clock.nowMs();
    const isAwaking = this.#sleptUntil(nowMs) || nowMs - this.#wokeAtMs < this.#options.timings.downAfterMs;
    return isAwaking ? 'unknown' : 'isolated';
  }

  async start(events: BackplaneEvents): Promise<void> {
    if (this.#events !== undefined) throw new Error(`backplane of ${this.node} was started before`);
    this.#events = events;
    try {
      await within(this.#options.timings.startTimeoutMs, 'start', this.#enter());
    } catch (cause) {
      await this.stop();
      throw cause;
    }
    if (this.#stopping !== undefined) throw this.#unavailable('start');
    this.#state = 'live';
    this.#tick();
  }

  serve(realm: Uri): Promise<void> {
    return this.#state === 'live' ? this.#parts.realms.serve(realm) : Promise.reject(this.#unavailable('serve'));
  }

  withdraw(realm: Uri): Promise<void> {
    if (this.#state !== 'live') return ACCEPTED;
    this.#parts.sessions.leaveRealm(realm);
    return this.#parts.realms.withdraw(realm);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  watch(realm: Uri, topic: Uri, match: MatchPolicy): void | Promise<void> {
    const directory = this.#parts.realms.get(realm);
    return directory === undefined ? Promise.reject(this.#unavailable('watch')) : directory.watch(topic, match);
  }

  unwatch(realm: Uri, topic: Uri, match: MatchPolicy): void {
    this.#parts.realms.get(realm)?.unwatch(topic, match);
  }

  publish(realm: Uri, publication: Publication): void | Promise<void> {
    if (this.#state === 'over') return Promise.reject(this.#unavailable('publish'));
    const nodes = this.#parts.realms.get(realm)?.interestedNodes(publication.topic);
    if (nodes === undefined) return;
    // While this node reaches the others nobody subscribes without its knowledge.
    if (nodes.length === 0) return this.#parts.reach.isUp || !this.isIsolated ? undefined : this.#parts.lanes.refuse();
    return this.#parts.lanes.publish(nodes, realm, publication);
  }

  send(to: NodeId, realm: Uri, frame: Frame): boolean {
    return this.#state === 'live' && this.#parts.lanes.send(to, realm, frame);
  }

  carries(payloadBytes: number): boolean {
    return this.#parts.lanes.carries(payloadBytes);
  }

  claim(realm: Uri, claim: Claim): Promise<ClaimOutcome> {
    const directory = this.#parts.realms.get(realm);
    if (directory !== undefined) return directory.claim(claim);
    return Promise.resolve({ kind: 'failed', fault: fault(ErrorUri.NETWORK_FAILURE, UNREACHABLE_NOW) });
  }

  release(realm: Uri, registration: RegistrationId, callee: SessionId): Promise<void> {
    return this.#parts.realms.get(realm)?.release(registration, callee) ?? ACCEPTED;
  }

  join(realm: Uri, identity: Identity): Promise<boolean> {
    if (this.#state !== 'live') return Promise.reject(this.#unavailable('join'));
    return this.#parts.sessions.join(realm, identity);
  }

  leave(_realm: Uri, session: SessionId): void {
    this.#parts.sessions.leave(session);
  }

  async #enter(): Promise<void> {
    const { connections, keys, prober, membership } = this.#parts;
    await connections.start();
    await Promise.all([keys.channels.inbox(this.node), keys.channels.nodes].map((name) => connections.subscribe(name)));
    await prober.round();
    await membership.enter();
  }

  async #stop(): Promise<void> {
    const { lanes, realms, sessions, membership, connections, reach } = this.#parts;
    const wasUp = this.#state === 'live' && reach.isUp;
    this.#state = 'over';
    this.#cancelTick?.();
    // What was said before is to be heard before the others hear that this node has gone.
    if (wasUp) await within(FAREWELL_MS, 'stop', lanes.settle()).catch(() => undefined);
    // Before what was written is removed: a row of any later would stay for ever.
    realms.stop();
    sessions.stop();
    await membership.leave();
    this.#end();
    await connections.stop();
  }

  /** Nothing is said or written any more. */
  #end(): void {
    const { reach, outages, gate, lanes, realms, sessions } = this.#parts;
    this.#state = 'over';
    this.#cancelTick?.();
    reach.end();
    outages.end();
    gate.discard();
    lanes.cutOff(true);
    realms.stop();
    sessions.stop();
  }

  /** About every second: is everything still there? */
  #tick(): void {
    const { heartbeatMs } = this.#options.timings;
    const { prober, connections, lanes, clock } = this.#parts;
    const nowMs = clock.nowMs();
    // Whoever slept has not listened: what it should have heard may be waiting in its socket.
    if (this.#sleptUntil(nowMs)) {
      prober.reset();
      this.#wokeAtMs = nowMs;
    }
    this.#tickedAtMs = nowMs;
    if (connections.isConnected) prober.tick();
    if (this.#speech() === 'now') lanes.heartbeat();
    if (this.#state === 'live') this.#cancelTick = after(heartbeatMs, () => this.#tick());
  }

  /** This process, or its machine, stood still, and no timer has run since. */
  #sleptUntil(nowMs: number): boolean {
    return nowMs - this.#tickedAtMs > 3 * this.#options.timings.heartbeatMs;
  }

  /** A node whose lease has run out may have been declared dead: it says nothing until it knows. */
  #speech(): Speech {
    const { membership, reach, doubt } = this.#parts;
    if (!doubt.isOpen && membership.isLeaseValid()) return 'now';
    if (this.#state !== 'live' || !reach.isUp) return 'never';
    doubt.raise();
    return 'later';
  }

  /** Anybody can say so, but only a renewal knows. */
  #denied(): void {
    const nowMs = performance.now();
    if (nowMs - this.#deniedAtMs < this.#options.timings.heartbeatMs) return;
    this.#deniedAtMs = nowMs;
    if (this.#state === 'live' && this.#parts.reach.isUp) this.#parts.doubt.raise();
  }

  /** What waited for the lease leaves, and is heard, in order. */
  #settled(): void {
    // It may have slept once more, or have been declared dead.
    if (this.#speech() !== 'now') return;
    this.#parts.gate.release();
    this.#parts.lanes.flush();
  }

  async #recover(isCurrent: () => boolean): Promise<void> {
    const { prober, membership, lanes, gate } = this.#parts;
    await membership.renewOnce();
    if (!isCurrent()) return;
    gate.release();
    prober.reset();
    const hearing = within(this.#options.timings.probeTimeoutMs, 'hear the own probe', prober.round());
    // Mirrors may be old still; whoever waits for a later version has not been told yet that this node has it.
    const speaking = hearing.then(() => {
      if (!isCurrent()) return;
      lanes.cutOff(false);
      lanes.sync();
    });
    await Promise.all([speaking, this.#resync()]);
    this.#withdrawStrays();
  }

  /** In its own time: nothing waits for it. */
  #withdrawStrays(): void {
    const { membership, realms } = this.#parts;
    membership
      .strayRealms()
      .then((strays) => strays.forEach((realm) => realms.withdrawStray(realm)))
      .catch((cause: unknown) => this.#trouble('looking for realms of another time', cause));
  }

  /** Makes the store and the mirrors right again. */
  async #resync(): Promise<void> {
    await Promise.all([this.#parts.sessions.resync(), this.#parts.realms.resync()]);
  }

  #emptied(): void {
    this.#options.logger.warn({}, 'backplane.store_emptied');
    this.#parts.realms.storeEmptied();
    // A recovery under way does the same.
    if (this.#parts.reach.isUp) this.#resyncUntilDone();
  }

  #resyncUntilDone(): void {
    this.#resync().catch((cause: unknown) => {
      this.#trouble('writing all rows again', cause);
      after(RETRY_MS, () => {
        if (this.#state === 'live' && this.#parts.reach.isUp) this.#resyncUntilDone();
      });
    });
  }

  #gone(node: NodeId): void {
    this.#parts.lanes.close(node);
    this.#parts.realms.nodeGone(node);
    if (this.#state !== 'over') this.#events?.nodeGone(node);
  }

  #fenced(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = this.#parts.connections.stop();
    this.#events?.fenced();
  }

  #trouble(reason: string, error: unknown): void {
    if (this.#state !== 'over') this.#parts.outages.trouble(reason, error);
  }

  #unavailable(operation: string): BackplaneUnavailableError {
    return new BackplaneUnavailableError(`${operation}: node ${this.node} is ${this.#state}`);
  }
}
