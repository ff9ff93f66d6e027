import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import type { Keys } from '../keys.js';
import type { Store } from '../ports.js';
import type { NotedRealms } from './noted-realms.js';
import type { Candidate, Peers } from './peers.js';
import type { InboxListeners, NodeRows, ReportFailure } from './ports.js';
import { beginReap, endNode, type Absence, type ReapReply } from './scripts.js';

/** Nodes that are reaped at the same time; the others wait for the next renewal. */
const MAX_ACTIVE_COUNT = 16;

export interface ReaperOptions {
  readonly node: NodeId;
  readonly store: Store;
  readonly keys: Keys;
  readonly nowMs: () => number;
  readonly claimMs: number;
  readonly awayMs: number;
  readonly leaseMs: number;
  readonly absentMs: number;
  readonly silenceMs: number;
  readonly counters: Pick<ClusterCounters, 'nodesReaped'>;
  readonly rows: NodeRows;
  /** This node's own realms: searched for rows of a node whose row and list of realms the store has lost. */
  readonly realms: NotedRealms;
  readonly peers: Peers;
  readonly failed: ReportFailure;
  /** See MembershipOptions. */
  readonly listeners?: InboxListeners;
}

interface Work extends Candidate {
  claimedAtMs: number;
}

/**
 * Removes the rows of dead nodes. Every step is repeatable and a dead node never comes back, therefore a reaper that fails,
 * pauses or is overtaken does no harm: a later renewal names the node again, here or on another node.
 */
export class Reaper {
  readonly #options: ReaperOptions;
  /** Replaced when all work is abandoned: work that was started with another set stops. */
  #active = new Set<NodeId>();

  constructor(options: ReaperOptions) {
    this.#options = options;
  }

  /** Starts to reap those that are not being reaped here already. */
  reap(candidates: Iterable<Candidate>): void {
    for (const { node, grounds } of candidates) {
      if (this.#active.size >= MAX_ACTIVE_COUNT) return;
      if (node === this.#options.node || this.#active.has(node)) continue;
      void this.#work({ node, grounds, claimedAtMs: -Infinity });
    }
  }

  /** Stops before the next step of each: other nodes continue when the claims have run out. */
  abandon(): void {
    this.#active = new Set();
  }

  async #work(work: Work): Promise<void> {
    const active = this.#active;
    active.add(work.node);
    try {
      await this.#reap(work, () => active === this.#active);
    } catch (cause) {
      this.#options.failed('reap', cause);
    } finally {
      active.delete(work.node);
    }
  }

  async #reap(work: Work, isWanted: () => boolean): Promise<void> {
    const { node } = work;
    const { store, keys, peers, realms: ownRealms, rows, counters } = this.#options;
    const reply = await this.#claim(work);
    if (reply === 'ended') await this.#ended(node, isWanted);
    if (reply !== 'won' && reply !== 'won-rowless') return;
    if (reply === 'won-rowless' && !(await this.#withdraw(work, [...ownRealms.all], isWanted))) return;
    for await (const realms of store.scanSet(keys.nodes.realmsOf(node))) {
      if (!(await this.#withdraw(work, realms, isWanted))) return;
    }
    if (!(await this.#mayGoOn(work, isWanted))) return;
    await rows.forgetSessions(node);
    if (!isWanted()) return;
    const end = { keys: keys.nodes, channel: keys.channels.nodes, node, floor: peers.version };
    if ((await store.run(endNode, end)) === 0) return;
    counters.nodesReaped.all++;
    peers.end(node);
  }

  /** The rows of an unlisted node are there although it was reaped, or has left: the store of a realm has lost that. */
  async #ended(node: NodeId, isWanted: () => boolean): Promise<void> {
    const { peers, realms, rows } = this.#options;
    for (const realm of peers.isUnlisted(node) ? [...realms.all] : []) {
      if (!isWanted()) return;
      await rows.withdrawRealm(node, realm);
    }
    if (isWanted()) peers.ended(node);
  }

  /** False: this node is to stop the work. */
  async #withdraw(work: Work, realms: readonly Uri[], isWanted: () => boolean): Promise<boolean> {
    for (const realm of realms) {
      if (!(await this.#mayGoOn(work, isWanted))) return false;
      await this.#options.rows.withdrawRealm(work.node, realm);
    }
    return true;
  }

  async #mayGoOn(work: Work, isWanted: () => boolean): Promise<boolean> {
    if (!isWanted()) return false;
    const { nowMs, claimMs } = this.#options;
    if (nowMs() - work.claimedAtMs < claimMs / 3) return true;
    const reply = await this.#claim(work);
    return isWanted() && (reply === 'won' || reply === 'won-rowless');
  }

  async #claim(work: Work): Promise<ReapReply> {
    const { node: reaper, store, keys, nowMs, claimMs, awayMs } = this.#options;
    const { node } = work;
    const grounds = work.grounds === 'absent' ? await this.#absenceOf(node) : work.grounds;
    work.claimedAtMs = nowMs();
    return store.run(beginReap, { keys: keys.nodes, node, reaper, claimMs, awayMs, grounds });
  }

  async #absenceOf(node: NodeId): Promise<Absence | 'expired'> {
    const { node: reaper, keys, absentMs, silenceMs, leaseMs, listeners, nowMs } = this.#options;
    const askedAtMs = nowMs();
    const isListening = (await listeners?.haveListeners([node]))?.[0];
    // An old answer is none.
    if (listeners !== undefined && (isListening === undefined || nowMs() - askedAtMs > absentMs / 2)) return 'expired';
    const { channels } = keys;
    return { inbox: channels.inbox(node), ownInbox: channels.inbox(reaper), absentMs, silenceMs, leaseMs, isListening };
  }
}
