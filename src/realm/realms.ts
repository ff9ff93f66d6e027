import { BackplaneUnavailableError } from '../backplane/backplane.js';
import type { LostSession } from '../backplane/session-row.js';
import { unavailable, type RealmDirectory, type RealmRules, type Unavailable } from '../session/ports.js';
import type { Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { Deferred } from '../util/deferred.js';
import { fault, type Fault } from '../wamp/faults.js';
import type { Uri } from '../wamp/ids.js';
import { checkUri } from '../wamp/uri-rules.js';
import { CloseUri, ErrorUri } from '../wamp/uris.js';
import { Realm } from './realm.js';
import type { RealmDependencies, RealmSettings } from './realm-dependencies.js';

export interface RealmTemplate {
  readonly settings: RealmSettings;
  /** Whether a realm of this name may be created. */
  readonly admits: (uri: Uri) => boolean;
  /** An empty realm from the template is closed after this long. */
  readonly idleMs: number;
}

/** The realms that a node has, and may have. */
export interface RealmPlan {
  /** Configured realms, which exist while the configuration names them. */
  readonly configured: ReadonlyMap<Uri, RealmSettings>;
  readonly template?: RealmTemplate | undefined;
}

export interface RealmsOptions extends RealmPlan {
  /** Read when a realm is to be created. */
  readonly limits: { readonly maxRealms: number };
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
  #plan: RealmPlan;
  readonly #open = new Map<Uri, Realm>();
  /** Realms that are being opened; a second HELLO for the same realm waits for the first. */
  readonly #opening = new Map<Uri, Promise<Realm | Fault | Unavailable>>();
  /** Realms that a reload opens: a HELLO waits until it is applied. */
  readonly #gates = new Map<Uri, Deferred<Realm | Unavailable>>();
  /** Realms that are being closed; a HELLO for one waits until it is closed. */
  readonly #closing = new Map<Uri, Promise<void>>();
  /** Realms that are closed once they are idle. */
  readonly #watched = new Set<Realm>();
  /** Realms that are being opened and are not in `#open` yet. */
  #announcedCount = 0;
  /** Lost sessions that the backplane reported before every configured realm was open. Undefined: they all are. */
  #early: (readonly LostSession[])[] | undefined = [];
  #isClosed = false;
  #isStopped = false;

  constructor(options: RealmsOptions) {
    this.#options = options;
    this.#plan = options;
  }

  get all(): ReadonlyMap<Uri, Realm> {
    return this.#open;
  }

  /** Opens every configured realm. Start the backplane first. */
  async start(): Promise<void> {
    for (const [uri, settings] of this.#plan.configured) await this.#bringUp(uri, settings);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const sessions of early) this.sessionsLost(sessions);
  }

  /**
   * Opens the configured realms of a new plan that are not open; sessions can join them after `apply`. Rejects when the
   * cluster is unreachable; then those that it has opened are closed again.
   */
  async prepare(plan: RealmPlan): Promise<void> {
    const added: Realm[] = [];
    try {
      for (const [uri, settings] of plan.configured) {
        await this.#opening.get(uri);
        if (this.#open.has(uri)) continue;
        const gate = new Deferred<Realm | Unavailable>();
        this.#opening.set(uri, gate.promise);
        this.#gates.set(uri, gate);
        await this.#closing.get(uri);
        added.push(await this.#bringUp(uri, settings));
      }
    } catch (cause) {
      for (const realm of added) this.#remove(realm, 'the configuration could not be reloaded');
      this.#openGates(() => unavailable('unreachable', 'the realm cannot be opened while the cluster is unreachable'));
      throw cause;
    }
  }

  /** Gives every open realm its settings of a prepared plan, and closes the realms that the plan does not have. */
  apply(plan: RealmPlan): void {
    this.#plan = plan;
    for (const realm of [...this.#open.values()]) {
      const settings = this.#settingsOf(realm.uri);
      if (settings !== undefined) {
        realm.apply(settings);
        if (!this.#isConfigured(realm)) this.#closeWhenIdle(realm);
      } else if (!this.#opening.has(realm.uri)) {
        this.#remove(realm, `the configuration has no realm "${realm.uri}" any more`);
      }
    }
    this.#openGates((uri) => this.#open.get(uri) ?? SHUTTING_DOWN);
  }

  /** Admits no further session, nor one whose handshake has begun; existing sessions stay. */
  close(): void {
    this.#isClosed = true;
    for (const realm of this.#open.values()) realm.retire(SHUTTING_DOWN);
    this.#openGates(() => SHUTTING_DOWN);
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

  /**
   * Sessions of a node that died, which no other node receives. A realm that this node does not have is opened if something is
   * to be published in it: a third node may serve it. Until a realm is open, this node does not know where its subscribers are.
   */
  sessionsLost(sessions: readonly LostSession[]): void {
    if (this.#early !== undefined) {
      this.#early.push(sessions);
      return;
    }
    for (const [uri, lost] of byRealm(sessions)) {
      const realm = this.#opening.has(uri) ? undefined : this.#open.get(uri);
      if (realm !== undefined) this.#publish(realm, lost);
      else if (this.#mayConcern(uri, lost)) void this.#publishIn(uri, lost);
      else this.#recovered.unconcerned += lost.length;
    }
  }

  get #recovered(): Counters['sessionsRecovered'] {
    return this.#options.shared.counters.sessionsRecovered;
  }

  #publish(realm: Realm, lost: readonly LostSession[]): void {
    for (const session of lost) realm.sessionLost(session);
    this.#recovered.published += lost.length;
  }

  /** They have testaments, or sessions on other nodes may watch who leaves. */
  #mayConcern(uri: Uri, lost: readonly LostSession[]): boolean {
    const settings = this.#settingsOf(uri);
    if (settings === undefined) return lost.some(({ testaments }) => testaments !== undefined);
    return settings.metaApi !== 'off' || lost.some(({ testaments }) => testaments !== undefined);
  }

  async #publishIn(uri: Uri, lost: readonly LostSession[]): Promise<void> {
    const { logger } = this.#options;
    const count = lost.filter(({ testaments }) => testaments !== undefined).length;
    const realm = await this.open(uri);
    if (realm instanceof Realm) {
      this.#publish(realm, lost);
      return;
    }
    this.#recovered.lost += lost.length;
    if (count > 0) logger.warn({ realm: uri, count, message: realm.message }, 'testaments.lost');
  }

  #make(uri: Uri): Fault | Unavailable | Promise<Realm | Fault | Unavailable> {
    const { limits, shared } = this.#options;
    const { maxRealms } = limits;
    const { template } = this.#plan;
    if (template?.admits(uri) !== true) return noSuchRealm(uri);
    if (this.#open.size + this.#announcedCount >= maxRealms) {
      shared.counters.limitsReached.realms++;
      return unavailable('full', `this node serves its limit of ${maxRealms} realms (limits.maxRealms)`);
    }
    this.#announcedCount++;
    const opening = this.#makeOnDemand(uri).finally(() => this.#opening.delete(uri));
    this.#opening.set(uri, opening);
    return opening;
  }

  async #makeOnDemand(uri: Uri): Promise<Realm | Fault | Unavailable> {
    await this.#closing.get(uri);
    this.#announcedCount--;
    if (this.#isClosed) return SHUTTING_DOWN;
    const settings = this.#settingsOf(uri);
    if (settings === undefined) return noSuchRealm(uri);
    try {
      const realm = await this.#bringUp(uri, settings);
      this.#options.logger.info({ realm: uri }, 'realm.created');
      if (this.#settingsOf(uri) === undefined) {
        // A reload came meanwhile.
        this.#remove(realm, `the configuration has no realm "${uri}" any more`);
        return noSuchRealm(uri);
      }
      if (!this.#isConfigured(realm)) this.#closeWhenIdle(realm);
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
      realm.served();
      return realm;
    } catch (cause) {
      this.#open.delete(uri);
      throw cause;
    }
  }

  #openGates(outcome: (uri: Uri) => Realm | Unavailable): void {
    for (const [uri, gate] of this.#gates) {
      this.#opening.delete(uri);
      gate.resolve(outcome(uri));
    }
    this.#gates.clear();
  }

  #isConfigured({ uri }: Realm): boolean {
    return this.#plan.configured.has(uri);
  }

  #settingsOf(uri: Uri): RealmSettings | undefined {
    const { configured, template } = this.#plan;
    return configured.get(uri) ?? (template?.admits(uri) === true ? template.settings : undefined);
  }

  #closeWhenIdle(realm: Realm): void {
    if (this.#watched.has(realm)) return;
    this.#watched.add(realm);
    const look = (): void => {
      this.#options.shared.after(this.#plan.template?.idleMs ?? 0, () => {
        if (this.#isStopped || this.#isConfigured(realm) || this.#open.get(realm.uri) !== realm)
          this.#watched.delete(realm);
        else if (realm.isEmpty) this.#remove(realm, `realm "${realm.uri}" has just been closed`);
        else look();
      });
    };
    look();
  }

  /** Closes the sessions that are left by name, then the realm. */
  #remove(realm: Realm, message: string): void {
    const { backplane, onLostRequest } = this.#options.shared;
    realm.retire(unavailable('draining', message));
    realm.testaments.withhold();
    for (const session of [...realm.sessions]) session.close(CloseUri.CLOSE_REALM, message);
    this.#watched.delete(realm);
    this.#open.delete(realm.uri);
    realm.close();
    this.#options.logger.info({ realm: realm.uri }, 'realm.removed');
    const closing = backplane
      .withdraw(realm.uri)
      .catch((cause: unknown) => onLostRequest('withdrawal of a realm', cause))
      .finally(() => this.#closing.delete(realm.uri));
    this.#closing.set(realm.uri, closing);
  }
}

function byRealm(sessions: readonly LostSession[]): ReadonlyMap<Uri, readonly LostSession[]> {
  const realms = new Map<Uri, LostSession[]>();
  for (const session of sessions) {
    const known = realms.get(session.realm);
    if (known === undefined) realms.set(session.realm, [session]);
    else known.push(session);
  }
  return realms;
}

function noSuchRealm(uri: Uri): Fault {
  return fault(
    ErrorUri.NO_SUCH_REALM,
    `there is no realm "${uri}" here: configure it under realms, or a realmTemplate`,
  );
}
