import type { NodeId, Uri } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import type { Keys } from '../keys.js';
import type { Confirmations } from '../ports.js';
import type { ServedRealm } from './ports.js';

export interface ServedRealmsOptions {
  readonly channelOf: Keys['channels']['realm'];
  readonly channels: {
    subscribe(channel: string): Promise<void>;
    unsubscribe(channel: string): Promise<void>;
  };
  readonly membership: {
    noteRealm(realm: Uri): Promise<void>;
    dropRealm(realm: Uri): void;
  };
  readonly confirmations: Confirmations;
  readonly make: (realm: Uri) => ServedRealm;
}

export interface ServedRealmsStats {
  readonly topicCount: number;
  readonly registrationCount: number;
  readonly barrierCount: number;
  /** Lag of the realm that is furthest behind. */
  readonly versionLag: number;
}

interface Serving {
  readonly replica: ServedRealm;
  ready: Promise<void>;
  /** The membership has noted it; from then on it may have rows. */
  isNoted: boolean;
  isEntered: boolean;
  /** It was cut off while it was being opened: the resync that followed may have come too early for it. */
  wasCutOff: boolean;
}

const READY = Promise.resolve();

/** The realms that this node serves, each with its channel. */
export class ServedRealms {
  readonly #options: ServedRealmsOptions;
  readonly #serving = new Map<Uri, Serving>();
  readonly #byChannel = new Map<string, ServedRealm>();
  /** Realms that are being withdrawn: the store may still have their rows. */
  readonly #leaving = new Map<Uri, { readonly replica: ServedRealm; readonly done: Promise<void> }>();
  #isCutOff = false;
  #why: 'reconnected' | 'store_emptied' = 'reconnected';

  constructor(options: ServedRealmsOptions) {
    this.#options = options;
  }

  /** O(realms). */
  get stats(): ServedRealmsStats {
    const sum = { topicCount: 0, registrationCount: 0, barrierCount: 0, versionLag: 0 };
    for (const { replica } of this.#serving.values()) {
      const { topicCount, registrationCount, barrierCount, versionLag } = replica.stats;
      sum.topicCount += topicCount;
      sum.registrationCount += registrationCount;
      sum.barrierCount += barrierCount;
      sum.versionLag = Math.max(sum.versionLag, versionLag);
    }
    return sum;
  }

  get(realm: Uri): ServedRealm | undefined {
    return this.#serving.get(realm)?.replica;
  }

  /** Rejects with BackplaneUnavailableError: it is not served. Idempotent. */
  serve(realm: Uri): Promise<void> {
    const known = this.#serving.get(realm);
    if (known !== undefined) return known.ready;
    if (this.#isCutOff && this.#leaving.has(realm))
      return Promise.reject(new BackplaneUnavailableError(`serve ${realm}: it is being withdrawn`));
    const replica = this.#options.make(realm);
    const serving = { replica, ready: READY, isNoted: false, isEntered: false, wasCutOff: false };
    this.#serving.set(realm, serving);
    serving.ready = this.#open(realm, serving).catch((cause: unknown) => {
      this.#abandon(realm, serving);
      throw cause;
    });
    return serving.ready;
  }

  /** Resolves once the store has no row of this node left in the realm: while cut off, after `resync`. */
  withdraw(realm: Uri): Promise<void> {
    const serving = this.#serving.get(realm);
    if (serving === undefined) return this.#leaving.get(realm)?.done ?? Promise.resolve();
    this.#serving.delete(realm);
    const { replica } = serving;
    const done = replica
      .withdraw()
      // Only then: a node that reaps this one looks for rows in the realms that are noted.
      .then(() => this.#options.membership.dropRealm(realm))
      .finally(() => {
        if (this.#leaving.get(realm)?.replica === replica) this.#leaving.delete(realm);
        this.#close(realm);
      });
    this.#leaving.set(realm, { replica, done });
    return done;
  }

  /** Removes this node's rows in a realm that the store lists for it and that it does not serve. Serving it waits for that. */
  withdrawUnknown(realm: Uri): void {
    if (this.#serving.has(realm) || this.#leaving.has(realm)) return;
    const replica = this.#options.make(realm);
    this.#serving.set(realm, { replica, ready: READY, isNoted: true, isEntered: false, wasCutOff: false });
    this.withdraw(realm).catch(() => undefined);
  }

  /** False: it is no channel of a realm that this node serves. */
  change(channel: string, message: Uint8Array): boolean {
    const replica = this.#byChannel.get(channel);
    replica?.changed(message);
    return replica !== undefined;
  }

  /** In a realm that is not served here no change can be missed. */
  asked(from: NodeId, realm: Uri, version: number): void {
    const replica = this.get(realm);
    if (replica === undefined) this.#options.confirmations.confirm(from, realm, version);
    else replica.asked(from, version);
  }

  nodeGone(node: NodeId): void {
    for (const replica of this.#all()) replica.nodeGone(node);
  }

  cutOff(): void {
    this.#isCutOff = true;
    for (const serving of this.#serving.values()) if (!serving.isEntered) serving.wasCutOff = true;
    for (const replica of this.#all()) replica.cutOff();
  }

  /** The store has lost its data; `resync` follows. */
  storeEmptied(): void {
    this.#why = 'store_emptied';
  }

  /** Rejects with BackplaneUnavailableError when a realm could not be repaired: to be called again. */
  async resync(): Promise<void> {
    this.#isCutOff = false;
    const why = this.#why;
    this.#why = 'reconnected';
    const entered = [...this.#serving.values()].filter(({ isEntered }) => isEntered);
    const leaving = [...this.#leaving.values()];
    try {
      await Promise.all([...entered, ...leaving].map(({ replica }) => replica.resync(why)));
    } catch (cause) {
      if (why === 'store_emptied') this.#why = why;
      throw cause;
    }
  }

  stop(): void {
    for (const replica of this.#all()) replica.stop();
    this.#serving.clear();
    this.#byChannel.clear();
    this.#leaving.clear();
  }

  async #open(realm: Uri, serving: Serving): Promise<void> {
    const { channels, membership, channelOf } = this.#options;
    const { replica } = serving;
    await this.#leaving.get(realm)?.done;
    if (this.#serving.get(realm) !== serving) throw new BackplaneUnavailableError(`serve ${realm}`);
    const channel = channelOf(realm);
    this.#byChannel.set(channel, replica);
    await Promise.all([channels.subscribe(channel), membership.noteRealm(realm)]);
    serving.isNoted = true;
    await replica.enter();
    while (serving.wasCutOff) {
      serving.wasCutOff = false;
      await replica.resync('reconnected');
    }
    serving.isEntered = true;
  }

  /** Withdraws what it may have written, now or when the store is back: other nodes would wait for this one. */
  #abandon(realm: Uri, serving: Serving): void {
    if (this.#serving.get(realm) !== serving) return;
    if (serving.isNoted) {
      this.withdraw(realm).catch(() => undefined);
      return;
    }
    serving.replica.stop();
    this.#serving.delete(realm);
    this.#close(realm);
  }

  #close(realm: Uri): void {
    if (this.#serving.has(realm)) return;
    const channel = this.#options.channelOf(realm);
    this.#byChannel.delete(channel);
    void this.#options.channels.unsubscribe(channel);
  }

  *#all(): Generator<ServedRealm> {
    for (const { replica } of this.#serving.values()) yield replica;
    for (const { replica } of this.#leaving.values()) yield replica;
  }
}
