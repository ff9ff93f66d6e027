import { BackplaneUnavailableError } from '../backplane/backplane.js';
import { unavailable, type RealmDirectory, type RealmRules, type Unavailable } from '../session/ports.js';
import type { Logger } from '../telemetry/logger.js';
import { fault, type Fault } from '../wamp/faults.js';
import type { Uri } from '../wamp/ids.js';
import { checkUri } from '../wamp/uri-rules.js';
import { ErrorUri } from '../wamp/uris.js';
import { Realm, type RealmSettings, type RealmDependencies } from './realm.js';

export interface RealmTemplate {
  readonly settings: RealmSettings;
  /** Whether a realm of this name may be created. */
  readonly admits: (uri: Uri) => boolean;
  /** An empty realm from the template is closed after this long. */
  readonly idleMs: number;
}

export interface RealmsOptions {
  /** Configured realms, which exist from start to stop. */
  readonly configured: ReadonlyMap<Uri, RealmSettings>;
  readonly template?: RealmTemplate;
  readonly maxRealms: number;
  readonly logger: Logger;
  readonly shared: RealmDependencies;
}

const NAME_RULES: Pick<RealmRules, 'uriCheck' | 'maxUriBytes' | 'maxUriComponents'> = {
  uriCheck: 'loose',
  maxUriBytes: 255,
  maxUriComponents: 32,
};

/** The bounds of a realm's name are fixed: the name of a setting for other URIs would mislead. */
function nameFlaw(uri: Uri): string | undefined {
  return checkUri(uri, 'exact', NAME_RULES)?.replace(/ \(limits\.\w+\)$/, '');
}

const SHUTTING_DOWN = unavailable('draining', 'this node is shutting down: connect again');

/** The realms of this node: the configured ones, and those created on demand while they have sessions (SES-5). */
export class Realms implements RealmDirectory {
  readonly #options: RealmsOptions;
  readonly #open = new Map<Uri, Realm>();
  /** Realms that are being opened; a second HELLO for the same realm waits for the first. */
  readonly #opening = new Map<Uri, Promise<Realm | Fault | Unavailable>>();
  /** Realms that are being closed; a HELLO for one waits until it is closed. */
  readonly #closing = new Map<Uri, Promise<void>>();
  /** Realms that are being opened and are not in `#open` yet. */
  #announcedCount = 0;
  #isClosed = false;
  #isStopped = false;

  constructor(options: RealmsOptions) {
    this.#options = options;
  }

  get all(): ReadonlyMap<Uri, Realm> {
    return this.#open;
  }

  /** Opens every configured realm. Start the backplane first. */
  async start(): Promise<void> {
    for (const [uri, settings] of this.#options.configured) await this.#bringUp(uri, settings);
  }

  /** Admits no further session, nor one whose handshake has begun; existing sessions stay. */
  close(): void {
    this.#isClosed = true;
    for (const realm of this.#open.values()) realm.retire(SHUTTING_DOWN);
  }

  stop(): void {
    this.#isStopped = true;
    for (const realm of this.#open.values()) realm.close();
    this.#open.clear();
  }

  open(uri: Uri): Realm | Fault | Unavailable | Promise<Realm | Fault | Unavailable> {
    if (this.#isClosed) return SHUTTING_DOWN;
    const opening = this.#opening.get(uri);
    if (opening !== undefined) return opening;
    const realm = this.#open.get(uri);
    if (realm !== undefined) return realm;
    if (uri === '') return fault(ErrorUri.NO_SUCH_REALM, 'HELLO.Realm is empty: name the realm to join');
    const flaw = nameFlaw(uri);
    if (flaw !== undefined) return fault(ErrorUri.INVALID_URI, `HELLO.Realm: ${flaw}`);
    return this.#make(uri);
  }

  #make(uri: Uri): Fault | Unavailable | Promise<Realm | Fault | Unavailable> {
    const { template, maxRealms, shared } = this.#options;
    if (template?.admits(uri) !== true)
      return fault(
        ErrorUri.NO_SUCH_REALM,
        `there is no realm "${uri}" here: configure it under realms, or a realmTemplate`,
      );
    if (this.#open.size + this.#announcedCount >= maxRealms) {
      shared.counters.limitsReached.realms++;
      return unavailable('full', `this node serves its limit of ${maxRealms} realms (limits.maxRealms)`);
    }
    this.#announcedCount++;
    const opening = this.#makeOnDemand(uri, template).finally(() => this.#opening.delete(uri));
    this.#opening.set(uri, opening);
    return opening;
  }

  async #makeOnDemand(uri: Uri, template: RealmTemplate): Promise<Realm | Fault | Unavailable> {
    await this.#closing.get(uri);
    this.#announcedCount--;
    if (this.#isClosed) return SHUTTING_DOWN;
    try {
      const realm = await this.#bringUp(uri, template.settings);
      this.#options.logger.info({ realm: uri }, 'realm.created');
      this.#closeWhenIdle(realm, template.idleMs);
      return realm;
    } catch (cause) {
      if (!(cause instanceof BackplaneUnavailableError)) throw cause;
      return unavailable('unreachable', 'the realm cannot be opened while the cluster is unreachable');
    }
  }

  async #bringUp(uri: Uri, settings: RealmSettings): Promise<Realm> {
    const realm = new Realm(uri, settings, this.#options.shared);
    // Before `serve`: the backplane reports the realm's registrations while `serve` runs.
    this.#open.set(uri, realm);
    try {
      await this.#options.shared.backplane.serve(uri);
      return realm;
    } catch (cause) {
      this.#open.delete(uri);
      throw cause;
    }
  }

  #closeWhenIdle(realm: Realm, idleMs: number): void {
    const { after, backplane, onLostRequest } = this.#options.shared;
    after(idleMs, () => {
      if (this.#isStopped) return;
      if (!realm.isEmpty) {
        this.#closeWhenIdle(realm, idleMs);
        return;
      }
      realm.retire(unavailable('draining', `realm "${realm.uri}" has just been closed`));
      this.#open.delete(realm.uri);
      realm.close();
      this.#options.logger.info({ realm: realm.uri }, 'realm.removed');
      const closing = backplane
        .withdraw(realm.uri)
        .catch((cause: unknown) => onLostRequest('withdrawal of a realm', cause))
        .finally(() => this.#closing.delete(realm.uri));
      this.#closing.set(realm.uri, closing);
    });
  }
}
