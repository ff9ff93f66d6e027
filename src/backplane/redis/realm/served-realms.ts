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
  /** Of the realm that is furthest behind. */
  readonly versionLag: number;
}

interface Serving {
  readonly directory: ServedRealm;
  ready: Promise<void>;
  /** Noted; from then on it may have rows. */
  isNoted: boolean;
  isEntered: boolean;
  /** While it was being opened: the resync that followed may have been before it was there. */
  wasCutOff: boolean;
}

const READY = Promise.resolve();

/** The realms that this node serves, each with its channel. */
export class ServedRealms {
  readonly #options: ServedRealmsOptions;
  readonly #serving = new Map<Uri, Serving>();
  readonly #byChannel = new Map<string, ServedRealm>();
  /** On their way out: their rows may still be there. */
  readonly #leaving = new Map<Uri, { readonly directory: ServedRealm; readonly done: Promise<void> }>();
  #isCutOff = false;
  #why: 'reconnected' | 'store_emptied' = 'reconnected';

  constructor(options: ServedRealmsOptions) {
    this.#options = options;
  }

  /** O(realms). */
  get stats(): ServedRealmsStats {
    const sum = { topicCount: 0, registrationCount: 0, barrierCount: 0, versionLag: 0 };
    for (const { directory } of this.#serving.values()) {
      const { topicCount, registrationCount, barrierCount, versionLag } = directory.stats;
      sum.topicCount += topicCount;
      sum.registrationCount += registrationCount;
      sum.barrierCount += barrierCount;
      sum.versionLag = Math.max(sum.versionLag, versionLag);
    }
    return sum;
  }

  get(realm: Uri): ServedRealm | undefined {
    return this.#serving.get(realm)?.directory;
  }

  /** Rejects with BackplaneUnavailableError: it is not served. Idempotent. */
  serve(realm: Uri): Promise<void> {
    const known = this.#serving.get(realm);
    if (known !== undefined) return known.ready;
    if (this.#isCutOff && this.#leaving.has(realm))
      return Promise.reject(new BackplaneUnavailableError(`serve ${realm}: it is being withdrawn`));
    const directory = this.#options.make(realm);
    const serving = { directory, ready: READY, isNoted: false, isEntered: false, wasCutOff: false };
    this.#serving.set(realm, serving);
    serving.ready = this.#open(realm, serving).catch((cause: unknown) => {
      this.#abandon(realm, serving);
      throw cause;
    });
    return serving.ready;
  }

  /** Resolves once the store has nothing of this node left in the realm: while cut off, when it is back. */
  withdraw(realm: Uri): Promise<void> {
    const serving = this.#serving.get(realm);
    if (serving === undefined) return this.#leaving.get(realm)?.done ?? Promise.resolve();
    this.#serving.delete(realm);
    const { directory } = serving;
    const done = directory
      .withdraw()
      // Only then: whoever removes this node's rows looks where it is noted.
      .then(() => this.#options.membership.dropRealm(realm))
      .finally(() => {
        if (this.#leaving.get(realm)?.directory === directory) this.#leaving.delete(realm);
        this.#close(realm);
      });
    this.#leaving.set(realm, { directory, done });
    return done;
  }

  /** What this node has there by the store's account is of another time. It may be served again when that is gone. */
  withdrawStray(realm: Uri): void {
    if (this.#serving.has(realm) || this.#leaving.has(realm)) return;
    const directory = this.#options.make(realm);
    this.#serving.set(realm, { directory, ready: READY, isNoted: true, isEntered: false, wasCutOff: false });
    this.withdraw(realm).catch(() => undefined);
  }

  /** False: nobody listens to such a channel here. */
  change(channel: string, message: Uint8Array): boolean {
    const directory = this.#byChannel.get(channel);
    directory?.changed(message);
    return directory !== undefined;
  }

  /** Of a realm that is not served here nothing can be missed. */
  asked(from: NodeId, realm: Uri, version: number): void {
    const directory = this.get(realm);
    if (directory === undefined) this.#options.confirmations.confirm(from, realm, version);
    else directory.asked(from, version);
  }

  nodeGone(node: NodeId): void {
    for (const directory of this.#all()) directory.nodeGone(node);
  }

  cutOff(): void {
    this.#isCutOff = true;
    for (const serving of this.#serving.values()) if (!serving.isEntered) serving.wasCutOff = true;
    for (const directory of this.#all()) directory.cutOff();
  }

  /** What the store knew is lost; `resync` follows. */
  storeEmptied(): void {
    this.#why = 'store_emptied';
  }

  /** Rejects with BackplaneUnavailableError when one realm could not be made right: to be called again. */
  async resync(): Promise<void> {
    this.#isCutOff = false;
    const why = this.#why;
    this.#why = 'reconnected';
    const entered = [...this.#serving.values()].filter(({ isEntered }) => isEntered);
    const leaving = [...this.#leaving.values()];
    try {
      await Promise.all([...entered, ...leaving].map(({ directory }) => directory.resync(why)));
    } catch (cause) {
      if (why === 'store_emptied') this.#why = why;
      throw cause;
    }
  }

  stop(): void {
    for (const directory of this.#all()) directory.stop();
    this.#serving.clear();
    this.#byChannel.clear();
    this.#leaving.clear();
  }

  async #open(realm: Uri, serving: Serving): Promise<void> {
    const { channels, membership, channelOf } = this.#options;
    const { directory } = serving;
    await this.#leaving.get(realm)?.done;
    if (this.#serving.get(realm) !== serving) throw new BackplaneUnavailableError(`serve ${realm}`);
    const channel = channelOf(realm);
    this.#byChannel.set(channel, directory);
    await Promise.all([channels.subscribe(channel), membership.noteRealm(realm)]);
    serving.isNoted = true;
    await directory.enter();
    while (serving.wasCutOff) {
      serving.wasCutOff = false;
      await directory.resync('reconnected');
    }
    serving.isEntered = true;
  }

  /** What it may have written is withdrawn, now or when the store is back: others would wait for this node. */
  #abandon(realm: Uri, serving: Serving): void {
    if (this.#serving.get(realm) !== serving) return;
    if (serving.isNoted) {
      this.withdraw(realm).catch(() => undefined);
      return;
    }
    serving.directory.stop();
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
    for (const { directory } of this.#serving.values()) yield directory;
    for (const { directory } of this.#leaving.values()) yield directory;
  }
}
