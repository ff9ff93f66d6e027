import { SingleFlight } from '../../../util/single-flight.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import { Absences } from './absences.js';
import { readNodeChange, writeNodeRow } from './changes.js';
import { depart } from './departure.js';
import { LeaseClock } from './lease-clock.js';
import { NotedRealms } from './noted-realms.js';
import { Peers } from './peers.js';
import type { MembershipOptions, RenewalOutcome } from './ports.js';
import { Reaper } from './reaper.js';
import { enterNode, loadNodes, renewLease } from './scripts.js';

/** The nodes of the cluster: keeps this node's lease, follows the other nodes, and removes the rows of dead ones (G5). */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #row: Uint8Array;
  readonly #awayMs: number;
  readonly #lease: LeaseClock;
  readonly #peers: Peers;
  readonly #reaper: Reaper;
  readonly #absences: Absences;
  #isListening = false;
  readonly #realms: NotedRealms;
  readonly #renewals = new SingleFlight(() => this.#renew());
  readonly #readings = new SingleFlight(() => this.#readUntilQuiet());
  #state: 'outside' | 'inside' | 'leaving' | 'fenced' = 'outside';
  #epoch = '';
  #sentAtMs = -Infinity;
  #readAtMs = -Infinity;
  /** The reading that the last renewal found necessary. */
  #reading: Promise<void> = Promise.resolve();
  #cancelRenewal: (() => void) | undefined;
  #farewell: Promise<void> | undefined;

  constructor(options: MembershipOptions) {
    const { node, row, nowMs, after, leaseMs, renewMs, absentMs, counters, peers } = options;
    const silenceMs = silenceOf(options);
    this.#options = options;
    this.#realms = new NotedRealms(options);
    this.#row = writeNodeRow(row);
    this.#awayMs = Math.floor(leaseMs / 2);
    this.#lease = new LeaseClock({ leaseMs, absentLeaseMs: absentMs === 0 ? leaseMs : silenceMs, nowMs });
    this.#peers = new Peers({
      node,
      nowMs,
      changeMs: renewMs,
      leaseMs,
      counters,
      entered: (peer, reads) => peers.entered(peer, reads),
      gone: (peer) => {
        this.#absences.delete(peer);
        peers.gone(peer);
      },
    });
    this.#reaper = new Reaper({
      ...options,
      claimMs: leaseMs,
      awayMs: this.#awayMs,
      silenceMs,
      realms: this.#realms,
      peers: this.#peers,
    });
    this.#absences = new Absences({
      nowMs,
      after,
      absentMs,
      reap: (nodes) => {
        if (this.#is('inside')) this.#reaper.reap(nodes.map((peer) => ({ node: peer, grounds: 'absent' })));
      },
    });
  }

  /** Whether this node may still send to other nodes. Cheap. */
  isLeaseValid(): boolean {
    return this.#state === 'inside' && this.#lease.isValid;
  }

  /** How long `isLeaseValid` stays true without another renewal. */
  get leaseRemainingMs(): number {
    return this.#state === 'inside' ? this.#lease.remainingMs : 0;
  }

  /** Whether the node is in the cluster as far as this node knows; true for itself. */
  isMember(node: NodeId): boolean {
    return node === this.#options.node || this.#peers.known.has(node);
  }

  /** The other nodes, as far as this node knows. */
  get members(): ReadonlySet<NodeId> {
    return this.#peers.known;
  }

  get isAlone(): boolean {
    return this.#peers.known.size === 0;
  }

  /** The node was declared dead or has left. */
  isGone(node: NodeId): boolean {
    return this.#peers.isGone(node);
  }

  /** See Peers. */
  foundRowsOf(node: NodeId): void {
    if (!this.#isOver()) this.#peers.foundRowsOf(node);
  }

  /**
   * Resolves once `entered` was called for every other node. This node must have subscribed to the changes before. Rejects with
   * BackplaneUnavailableError; may be tried again.
   */
  async enter(): Promise<void> {
    if (this.#state !== 'outside') throw new BackplaneUnavailableError('entering the cluster');
    do {
      const sentAtMs = this.#options.nowMs();
      const epoch = await this.#enterStore();
      if (epoch === undefined) throw new BackplaneUnavailableError('entering the cluster: the node was declared dead');
      this.#epoch = epoch;
      this.#lease.renewed(sentAtMs);
    } while (!(await this.#readings.run()));
    if (!this.#is('outside')) throw new BackplaneUnavailableError('entering the cluster');
    this.#state = 'inside';
    // The first renewal begins the grace period for the nodes of an earlier cluster.
    this.#scheduleRenewal(0);
  }

  /**
   * Renews now; a renewal that has begun already does not count. When it resolves the other nodes have been read again
   * if a change was missed, and `storeLost` was called. Rejects with BackplaneUnavailableError.
   */
  async renewOnce(): Promise<RenewalOutcome> {
    const outcome = await this.#renewals.run();
    await this.#reading;
    return outcome;
  }

  /**
   * Whether this node is subscribed to its inbox, as far as it knows. While it is not, other nodes may declare it dead sooner:
   * it renews more often, and its lease ends sooner.
   */
  setListening(isListening: boolean): void {
    this.#absences.setListening(isListening);
    this.#lease.setListening(isListening);
    if (this.#isListening && !isListening) this.#scheduleRenewal(0);
    this.#isListening = isListening;
  }

  /** A receipt or the ring's watch shows that the inbox of the node has no listener. */
  absent(node: NodeId): void {
    if (this.#peers.known.has(node) && !this.#isOver()) this.#absences.add(node);
  }

  /** One of them shows that the node listens to its inbox again. */
  present(node: NodeId): void {
    this.#absences.delete(node);
  }

  /** A message from the channel of membership changes. */
  receive(message: Uint8Array): void {
    if (this.#isOver()) return;
    const change = readNodeChange(message);
    if (typeof change === 'string') {
      this.#options.counters.messagesIgnored[change === 'version' ? 'version' : 'change']++;
      return;
    }
    if (change.kind === 'gone' && change.node === this.#options.node) this.#options.own.denied();
    this.#peers.change(change);
    if (this.#peers.isStale && this.#state === 'inside') void this.#read();
  }

  /** A message came from an unknown node: the nodes are read again, at most once per `renewMs`. */
  suspect(): void {
    this.#peers.suspect();
    if (this.#state !== 'inside') return;
    if (this.#options.nowMs() - this.#readAtMs >= this.#options.renewMs) void this.#read();
  }

  /** To be awaited before the first row is written in the realm: the node that reaps this one removes rows there. */
  async noteRealm(realm: Uri): Promise<void> {
    if (this.#state !== 'inside') throw new BackplaneUnavailableError('noting a realm');
    const reply = await this.#realms.note(realm);
    // Entering again notes every realm.
    if (reply === 'absent' && (await this.#renewals.run()) !== 'fenced') return;
    if (reply === 'noted') return;
    if (reply === 'gone') this.#fence();
    throw new BackplaneUnavailableError('noting a realm');
  }

  /** See NotedRealms. */
  findUnknownRealms(): Promise<Uri[]> {
    return this.#realms.findUnknown();
  }

  /**
   * Notes all realms again: a replica that took over may lack the last notes, which the reaper of this node needs. Rejects with
   * BackplaneUnavailableError.
   */
  async noteRealms(): Promise<void> {
    if (this.#state === 'inside' && !(await this.#realms.noteAll())) this.#fence();
  }

  /** See Peers. */
  goneWithin(ms: number): readonly NodeId[] {
    return this.#peers.goneWithin(ms);
  }

  /** This node has no row left in the realm. */
  dropRealm(realm: Uri): void {
    if (this.#realms.delete(realm) && !this.#isOver()) this.#realms.removeNote(realm);
  }

  /** Removes the rows of this node. Rows that remain after a lease are left to the other nodes. Idempotent, never rejects. */
  leave(): Promise<void> {
    if (this.#farewell === undefined) {
      const wasOutside = this.#sentAtMs === -Infinity;
      this.#stopWork('leaving');
      this.#farewell = wasOutside ? Promise.resolve() : this.#withdrawAll();
    }
    return this.#farewell;
  }

  #fence(): void {
    if (this.#isOver()) return;
    this.#stopWork('fenced');
    this.#options.counters.leases.lost++;
    this.#options.own.declaredDead();
    this.#farewell = this.#withdrawAll().then(() => this.#options.own.fenced());
  }

  #stopWork(state: 'leaving' | 'fenced'): void {
    this.#state = state;
    this.#lease.end();
    this.#reaper.abandon();
    this.#absences.stop();
    this.#cancelRenewal?.();
  }

  #isOver(): boolean {
    return this.#state === 'leaving' || this.#state === 'fenced';
  }

  // A method, because the compiler would not see that the state may change in an await.
  #is(state: 'outside' | 'inside'): boolean {
    return this.#state === state;
  }

  #scheduleRenewal(delayMs: number): void {
    this.#cancelRenewal?.();
    if (!this.#is('inside')) return;
    this.#cancelRenewal = this.#options.after(delayMs, () => void this.#renewOnTime());
  }

  async #renewOnTime(): Promise<void> {
    const { nowMs, renewMs, random, failed } = this.#options;
    try {
      await this.#renewals.run();
    } catch (cause) {
      if (this.#isOver()) return;
      failed('renewing the lease', cause);
      this.#scheduleRenewal(renewMs / 4);
      return;
    }
    const periodMs = (this.#isListening ? renewMs : renewMs / 4) * (0.9 + 0.1 * random());
    this.#scheduleRenewal(Math.max(0, this.#sentAtMs + periodMs - nowMs()));
  }

  async #renew(): Promise<RenewalOutcome> {
    if (this.#state === 'fenced') return 'fenced';
    if (!this.#is('inside')) throw new BackplaneUnavailableError('renewing the lease');
    const { store, keys, node, leaseMs } = this.#options;
    const sentAtMs = this.#sent();
    const lease = { keys: keys.nodes, node, leaseMs, awayMs: this.#awayMs, epoch: this.#epoch };
    const reply = await store.run(renewLease, lease);
    if (!this.#is('inside')) return this.#renew();
    switch (reply.kind) {
      case 'gone':
        this.#fence();
        return 'fenced';
      case 'emptied':
        return this.#enterAgain();
      case 'renewed':
        this.#renewed(sentAtMs, reply);
        return 'renewed';
    }
  }

  #renewed(sentAtMs: number, { version, isGrace, dead }: Renewal): void {
    this.#options.counters.leases[this.#lease.isValid ? 'renewed' : 'late']++;
    this.#lease.renewed(sentAtMs);
    this.#peers.settle();
    // Now and then in any case: versions from before the store lost its data may fit those of after.
    const isOld = sentAtMs - this.#readAtMs >= 2 * this.#options.leaseMs;
    if (isOld || version !== this.#peers.version || this.#peers.isStale) this.#reading = this.#read();
    if (isGrace) return;
    this.#reaper.reap([...dead.map((node) => ({ node, grounds: 'expired' as const })), ...this.#peers.lost()]);
  }

  async #enterAgain(): Promise<RenewalOutcome> {
    this.#options.counters.leases.emptied++;
    // The store has lost the claims of reapers too: a node that was being reaped may be back.
    this.#reaper.abandon();
    const sentAtMs = this.#sent();
    const epoch = await this.#enterStore();
    if (!this.#is('inside')) return this.#renew();
    if (epoch === undefined || !(await this.#realms.noteAll())) {
      this.#fence();
      return 'fenced';
    }
    if (!this.#is('inside')) return this.#renew();
    // Only now: if noting the realms fails, the next renewal must send the old epoch, and so enter again.
    this.#epoch = epoch;
    this.#lease.renewed(sentAtMs);
    await this.#read();
    if (!this.#is('inside')) return this.#renew();
    this.#options.own.storeLost();
    return 'emptied';
  }

  /** Returns the epoch. Undefined: this node was declared dead. */
  async #enterStore(): Promise<string | undefined> {
    const { store, keys, node, leaseMs, random } = this.#options;
    this.#sent();
    const reply = await store.run(enterNode, {
      keys: keys.nodes,
      channel: keys.channels.nodes,
      node,
      row: this.#row,
      leaseMs,
      epoch: (random() * 2 ** 53).toString(36) + (random() * 2 ** 53).toString(36),
      floor: this.#peers.version,
    });
    return reply.kind === 'gone' ? undefined : reply.epoch;
  }

  /** Never rejects: after a failure the next renewal reads again. */
  async #read(): Promise<void> {
    try {
      // The store has another epoch: the renewal sees that too, and enters again.
      if (!(await this.#readings.run())) this.#scheduleRenewal(0);
    } catch (cause) {
      this.#peers.suspect();
      if (!this.#isOver()) this.#options.failed('reading the nodes', cause);
    }
  }

  /** False: the store has another epoch. */
  async #readUntilQuiet(): Promise<boolean> {
    const { store, keys, nowMs } = this.#options;
    for (;;) {
      if (this.#isOver()) return true;
      this.#readAtMs = nowMs();
      const { changeCount, known } = this.#peers;
      const loaded = await store.run(loadNodes, { keys: keys.nodes, known: [...known] });
      if (this.#isOver()) return true;
      if (loaded.epoch !== this.#epoch) return false;
      if (this.#peers.load(loaded, changeCount)) return true;
    }
  }

  #sent(): number {
    this.#sentAtMs = this.#options.nowMs();
    return this.#sentAtMs;
  }

  #withdrawAll(): Promise<void> {
    return depart({
      ...this.#options,
      awayMs: this.#awayMs,
      realms: this.#realms,
      version: () => this.#peers.version,
    });
  }
}

/** More than the time between two renewals of a live node, as the store sees them. */
function silenceOf({ renewMs, absentMs }: MembershipOptions): number {
  return renewMs + absentMs / 3;
}

interface Renewal {
  readonly version: number;
  readonly isGrace: boolean;
  readonly dead: readonly NodeId[];
}
