import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import { Absences } from './absences.js';
import { SingleFlight } from '../../../util/single-flight.js';
import { depart } from './departure.js';
import type { Keys } from '../keys.js';
import { LeaseClock } from './lease-clock.js';
import { readNodeChange, writeNodeRow, type NodeRow } from './changes.js';
import { enterNode, loadNodes, renewLease } from './scripts.js';
import { NotedRealms } from './noted-realms.js';
import { Peers, type PeerCounters } from './peers.js';
import type { Store } from '../ports.js';
import { Reaper } from './reaper.js';

/** Said one at a time; must not throw. */
export interface MembershipEvents {
  /** Another node is there. `reads` is empty when its row is not understood. */
  entered(node: NodeId, reads: readonly number[]): void;
  /** Its rows are gone. Once per node, after `entered`. */
  gone(node: NodeId): void;
  /** Somebody says that this node has gone, and anybody may say so. */
  denied(): void;
  /** This node was declared dead: nothing may be written for it any more; what it has written is about to be removed. Once. */
  condemned(): void;
  /** After `condemned`. This node was declared dead, and has removed what it wrote since as far as it could. Once, and last. */
  fenced(): void;
  /** The store had lost its data: this node has entered again, its realms and sessions are to be written again. */
  emptied(): void;
  /** Something failed that is tried again later, or left to others. */
  trouble(operation: string, cause: unknown): void;
}

export interface MembershipOptions {
  readonly node: NodeId;
  readonly row: NodeRow;
  readonly store: Store;
  readonly keys: Keys;
  /** Monotonic, and goes on while the process is stopped. */
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly counters: PeerCounters & Pick<ClusterCounters, 'leases' | 'nodesReaped' | 'messagesIgnored'>;
  readonly leaseMs: number;
  readonly renewMs: number;
  /** How long nobody may listen to the inbox of a node that renews no more. 0: only leases count. */
  readonly absentMs: number;
  readonly events: MembershipEvents;
  /** Removes the rows of a node, another one or this one, from a realm. Repeatable. */
  readonly withdrawRealm: (node: NodeId, realm: Uri) => Promise<void>;
  /** Removes the sessions of a node, another one or this one. Repeatable. */
  readonly forgetSessions: (node: NodeId) => Promise<void>;
}

export type RenewalOutcome = 'renewed' | 'fenced' | 'emptied';

/** Who is in the cluster: keeps this node in, follows the others, and removes what the dead left behind (G5). */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #row: string;
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
    const { node, row, nowMs, after, leaseMs, renewMs, absentMs, counters, events } = options;
    const silenceMs = silenceOf(options);
    const trouble = (operation: string, cause: unknown): void => events.trouble(operation, cause);
    this.#options = options;
    this.#realms = new NotedRealms({ ...options, trouble });
    this.#row = writeNodeRow(row);
    this.#awayMs = Math.floor(leaseMs / 2);
    this.#lease = new LeaseClock({ leaseMs, absentLeaseMs: absentMs === 0 ? leaseMs : silenceMs, nowMs });
    this.#peers = new Peers({
      node,
      nowMs,
      hearMs: renewMs,
      counters,
      entered: (peer, reads) => events.entered(peer, reads),
      gone: (peer) => {
        this.#absences.delete(peer);
        events.gone(peer);
      },
    });
    this.#reaper = new Reaper({
      ...options,
      claimMs: leaseMs,
      awayMs: this.#awayMs,
      silenceMs,
      ownRealms: () => this.#realms.all,
      version: () => this.#peers.version,
      ended: (peer) => this.#peers.end(peer),
      vanished: (peer) => this.#peers.vanish(peer),
      trouble,
    });
    this.#absences = new Absences({
      nowMs,
      after,
      absentMs,
      judge: (nodes) => {
        if (this.#is('inside')) this.#reaper.reap(nodes.map((peer) => ({ node: peer, grounds: 'absent' })));
      },
    });
  }

  /** Whether this node may still speak to others. Cheap. */
  isLeaseValid(): boolean {
    return this.#state === 'inside' && this.#lease.isValid;
  }

  /** How long `isLeaseValid` stays true without another renewal. */
  get leaseRemainingMs(): number {
    return this.#state === 'inside' ? this.#lease.remainingMs : 0;
  }

  /** As far as this node knows; itself included. */
  isMember(node: NodeId): boolean {
    return node === this.#options.node || this.#peers.known.has(node);
  }

  /** It was declared dead or has left. */
  isGone(node: NodeId): boolean {
    return this.#peers.isGone(node);
  }

  /**
   * Resolves once `entered` was said of every other node. Changes are to be heard already. Rejects with
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
    // The first renewal begins the grace for whatever the nodes before left behind.
    this.#scheduleRenewal(0);
  }

  /**
   * Renews now; a renewal that has begun already does not count. When it resolves the other nodes have been read anew
   * if anything was missed, and `emptied` was said. Rejects with BackplaneUnavailableError.
   */
  async renewOnce(): Promise<RenewalOutcome> {
    const outcome = await this.#renewals.run();
    await this.#reading;
    return outcome;
  }

  /**
   * Whether this node's inbox is listened to, as far as it knows. While it is not, others may declare it dead sooner: it renews
   * more often, and believes in its lease for a shorter time.
   */
  listens(isListening: boolean): void {
    this.#absences.listens(isListening);
    this.#lease.listens(isListening);
    if (this.#isListening && !isListening) this.#scheduleRenewal(0);
    this.#isListening = isListening;
  }

  /** Receipts show that nobody listens to the inbox of the node. */
  absent(node: NodeId): void {
    if (this.#peers.known.has(node) && !this.#isOver()) this.#absences.add(node);
  }

  /** Somebody listens to it again. */
  present(node: NodeId): void {
    this.#absences.delete(node);
  }

  /** A message of the channel of membership changes. */
  change(message: Uint8Array): void {
    if (this.#isOver()) return;
    const change = readNodeChange(message);
    if (typeof change === 'string') {
      this.#options.counters.messagesIgnored[change === 'version' ? 'version' : 'change']++;
      return;
    }
    if (change.kind === 'gone' && change.node === this.#options.node) this.#options.events.denied();
    this.#peers.hear(change);
    if (this.#peers.isStale && this.#state === 'inside') void this.#read();
  }

  /** Somebody unknown speaks: the nodes are read anew, however often that is said. */
  suspect(): void {
    this.#peers.suspect();
    if (this.#state !== 'inside') return;
    if (this.#options.nowMs() - this.#readAtMs >= this.#options.renewMs) void this.#read();
  }

  /** To be awaited before the first row is written in the realm: whoever reaps this node looks there. */
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
  strayRealms(): Promise<Uri[]> {
    return this.#realms.findStrays();
  }

  /** No row is left in the realm. */
  dropRealm(realm: Uri): void {
    if (this.#realms.delete(realm) && !this.#isOver()) this.#realms.removeNote(realm);
  }

  /** Withdraws everything of this node; what cannot be withdrawn within a lease is left to the others. Idempotent, never rejects. */
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
    this.#options.events.condemned();
    this.#farewell = this.#withdrawAll().then(() => this.#options.events.fenced());
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
    const { nowMs, renewMs, random, events } = this.#options;
    try {
      await this.#renewals.run();
    } catch (cause) {
      if (this.#isOver()) return;
      events.trouble('renewing the lease', cause);
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
    // Now and then in any case: what was said before the store lost its data may fit what is said after.
    const isOld = sentAtMs - this.#readAtMs >= 2 * this.#options.leaseMs;
    if (isOld || version !== this.#peers.version || this.#peers.isStale) this.#reading = this.#read();
    if (isGrace) return;
    this.#reaper.reap([...dead.map((node) => ({ node, grounds: 'expired' as const })), ...this.#peers.lost()]);
  }

  async #enterAgain(): Promise<RenewalOutcome> {
    this.#options.counters.leases.emptied++;
    // Claims were lost too: a node that was being reaped may be back.
    this.#reaper.abandon();
    const sentAtMs = this.#sent();
    const epoch = await this.#enterStore();
    if (!this.#is('inside')) return this.#renew();
    if (epoch === undefined || !(await this.#realms.noteAll())) {
      this.#fence();
      return 'fenced';
    }
    if (!this.#is('inside')) return this.#renew();
    // Not before the notes are written: until then the next renewal finds the store empty, and all is done again.
    this.#epoch = epoch;
    this.#lease.renewed(sentAtMs);
    await this.#read();
    if (!this.#is('inside')) return this.#renew();
    this.#options.events.emptied();
    return 'emptied';
  }

  /** The epoch. Undefined: this node was declared dead. */
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

  /** Never rejects: what could not be read is read with the next renewal. */
  async #read(): Promise<void> {
    try {
      // The store has another epoch: the renewal finds that out too, and enters again.
      if (!(await this.#readings.run())) this.#scheduleRenewal(0);
    } catch (cause) {
      this.#peers.suspect();
      if (!this.#isOver()) this.#options.events.trouble('reading the nodes', cause);
    }
  }

  /** False: what the store says is of another epoch. */
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
    const { events } = this.#options;
    return depart({
      ...this.#options,
      awayMs: this.#awayMs,
      realms: this.#realms,
      version: () => this.#peers.version,
      trouble: (operation, cause) => events.trouble(operation, cause),
    });
  }
}

/** More than a live node lets pass between two renewals that the store carries out. */
function silenceOf({ renewMs, absentMs }: MembershipOptions): number {
  return renewMs + absentMs / 3;
}

interface Renewal {
  readonly version: number;
  readonly isGrace: boolean;
  readonly dead: readonly NodeId[];
}
