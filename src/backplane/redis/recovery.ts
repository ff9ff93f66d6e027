import type { Logger } from '../../telemetry/logger.js';
import type { NodeId } from '../../wamp/ids.js';
import type { Lanes } from './lanes/lanes.js';
import type { Membership } from './membership/membership.js';
import type { Hold } from './reachability/hold.js';
import type { OutageLog } from './reachability/outage-log.js';
import type { Prober } from './reachability/prober.js';
import type { ServedRealms } from './realm/served-realms.js';
import type { SessionsDirectory } from './sessions/session-directory.js';
import type { SessionReader } from './sessions/session-reader.js';
import type { NodeStanding } from './standing.js';
import type { Surroundings } from './surroundings.js';
import { within } from './within.js';

export interface RecoveryOptions {
  readonly membership: Pick<Membership, 'renewOnce' | 'noteRealms' | 'goneWithin' | 'findUnknownRealms'>;
  readonly prober: Pick<Prober, 'reset' | 'round'>;
  readonly hold: Pick<Hold, 'release'>;
  readonly lanes: Pick<Lanes, 'cutOff' | 'sync'>;
  readonly sessions: Pick<SessionsDirectory, 'resync'>;
  readonly sessionReader: Pick<SessionReader, 'forget'>;
  readonly realms: Pick<ServedRealms, 'storeEmptied' | 'resync' | 'withdrawUnknown'>;
  readonly standing: Pick<NodeStanding, 'isUp'>;
  readonly outages: Pick<OutageLog, 'requestFailed'>;
  readonly logger: Logger;
  readonly probeTimeoutMs: number;
  readonly after: Surroundings['after'];
}

const RETRY_MS = 500;
/** A replica that is further behind does not take over by itself, with the defaults of Redis. */
const STALE_MS = 180_000;

/** Brings this node back after an outage, or after the store has lost its data. */
export class Recovery {
  readonly #options: RecoveryOptions;
  /** How often the store has lost its data. */
  #lossCount = 0;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /**
   * After an outage: renews the lease, opens the lanes once the own probe has arrived, and resyncs. Rejects when one of them
   * fails. `isCurrent` turns false when the next outage has begun.
   */
  async run(isCurrent: () => boolean): Promise<void> {
    const { membership, prober, lanes, hold, probeTimeoutMs, after } = this.#options;
    await membership.renewOnce();
    if (!isCurrent()) return;
    hold.release();
    prober.reset();
    const probed = within(after, probeTimeoutMs, 'receive the own probe', prober.round());
    // Mirrors may be old still: this node has confirmed no later version to a node that waits for one.
    const opened = probed.then(() => {
      if (!isCurrent()) return;
      lanes.cutOff(false);
      lanes.sync();
    });
    let lossCount = this.#lossCount;
    await Promise.all([opened, membership.noteRealms(), this.#resync()]);
    // A renewal meanwhile may have shown that the store has lost what was written.
    while (isCurrent() && lossCount !== this.#lossCount) {
      lossCount = this.#lossCount;
      await this.#resync();
    }
    this.#withdrawUnknownRealms();
    this.#forgetGone();
  }

  /** The store has lost its data, and this node has entered again: everything it wants is to be written again. */
  storeLost(): void {
    const { logger, realms, standing } = this.#options;
    this.#lossCount++;
    logger.warn({}, 'backplane.store_emptied');
    realms.storeEmptied();
    // A recovery that is running does the same before it ends.
    if (standing.isUp) this.#resyncUntilDone();
  }

  /** Makes the store and the mirrors right again. */
  async #resync(): Promise<void> {
    await Promise.all([this.#options.sessions.resync(), this.#options.realms.resync()]);
  }

  #resyncUntilDone(): void {
    const { outages, standing, after } = this.#options;
    this.#resync().catch((cause: unknown) => {
      outages.requestFailed('writing all rows again', cause);
      after(RETRY_MS, () => {
        if (standing.isUp) this.#resyncUntilDone();
      });
    });
  }

  /**
   * A replica that took over may have sessions of nodes that were removed before. Nothing waits for it; one node after the other,
   * because a rolling replacement leaves many.
   */
  #forgetGone(): void {
    const { membership, outages } = this.#options;
    this.#forget(membership.goneWithin(STALE_MS)).catch((cause: unknown) =>
      outages.requestFailed('removing sessions of nodes that are gone', cause),
    );
  }

  /** Their leaves are published. */
  async #forget(nodes: readonly NodeId[]): Promise<void> {
    for (const node of nodes) await this.#options.sessionReader.forget(node, undefined);
  }

  /** Nothing waits for it. */
  #withdrawUnknownRealms(): void {
    const { membership, realms, outages } = this.#options;
    membership
      .findUnknownRealms()
      .then((unknown) => unknown.forEach((realm) => realms.withdrawUnknown(realm)))
      .catch((cause: unknown) => outages.requestFailed('looking for realms that this node does not know', cause));
  }
}
