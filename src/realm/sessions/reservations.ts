import { isFault, type Fault } from '../../wamp/faults.js';
import {
  isUnavailable,
  unavailable,
  type Newcomer,
  type Reservation,
  type SessionRealm,
  type Unavailable,
} from '../../session/ports.js';
import type { SessionId, Uri } from '../../wamp/ids.js';
import type { RealmDependencies } from '../realm-dependencies.js';
import { shownAuthextra } from '../shown-authextra.js';
import type { SessionPlaces } from './session-places.js';

/**
 * Draws of a session id before the realm gives up: so many collisions mean that the random source or the directory is
 * broken.
 */
const MAX_ID_DRAWS = 8;

type ReservationDependencies = Pick<
  RealmDependencies,
  'backplane' | 'totals' | 'limits' | 'counters' | 'onLostRequest'
>;

/** A session that waits for the directory, or for a place. */
interface Opening extends Pick<Newcomer, 'authid' | 'authrole'> {
  /** The last id that was drawn for it. */
  session: SessionId;
}

/** The sessions of a realm that are being opened. */
export type OpeningSessions = Pick<Reservations, 'refuseOpening'>;

/** Ids of sessions that are being opened in one realm: entered in the directory, and not admitted so far. */
export class Reservations implements Pick<SessionRealm, 'reserve' | 'forget'> {
  readonly #realm: Uri;
  readonly #shared: ReservationDependencies;
  /** Absent: an authid may have any number of sessions. */
  readonly #places: SessionPlaces | undefined;
  readonly #drawId: () => SessionId;
  #count = 0;
  /** Each with the reason for which it is refused once the cluster has answered. */
  readonly #opening = new Map<Opening, Fault | undefined>();
  #refusal: Unavailable | undefined;

  constructor(realm: Uri, shared: ReservationDependencies, places: SessionPlaces | undefined, drawId: () => SessionId) {
    this.#realm = realm;
    this.#shared = shared;
    this.#places = places;
    this.#drawId = drawId;
  }

  get count(): number {
    return this.#count;
  }

  /** Why no further session is opened. */
  get refusal(): Unavailable | undefined {
    return this.#refusal;
  }

  /** Refuses every further session with this reason. */
  refuse(why: Unavailable): void {
    this.#refusal = why;
  }

  reserve(newcomer: Newcomer, drawn?: SessionId): Reservation | Promise<Reservation> {
    const { authid, authrole } = newcomer;
    const opening: Opening = { session: drawn ?? this.#drawId(), authid, authrole };
    const reserved = this.#reserveId(newcomer, opening, drawn === undefined ? MAX_ID_DRAWS : 0);
    const places = newcomer.authmethod === 'anonymous' ? undefined : this.#places;
    const entered = places === undefined ? reserved : this.#enterPlace(places, newcomer.authid, reserved);
    return entered instanceof Promise ? this.#unlessRefused(opening, entered) : entered;
  }

  /** Refuses those that wait for the cluster. Returns their ids. */
  refuseOpening(isMeant: (opening: Opening) => boolean, why: Fault): readonly SessionId[] {
    const meant = [...this.#opening.keys()].filter(isMeant);
    for (const opening of meant) this.#opening.set(opening, why);
    return meant.map(({ session }) => session);
  }

  forget(session: SessionId): void {
    this.#giveBack();
    this.#places?.leave(session);
    this.#shared.backplane.directory.leave(this.#realm, session);
  }

  /** One of them has become a session of the realm. */
  admitted(): void {
    this.#count--;
  }

  async #unlessRefused(opening: Opening, entered: Promise<Reservation>): Promise<Reservation> {
    this.#opening.set(opening, undefined);
    try {
      const session = await entered;
      const refusal = this.#opening.get(opening);
      if (refusal === undefined || isUnavailable(session) || isFault(session)) return session;
      this.forget(session);
      return refusal;
    } finally {
      this.#opening.delete(opening);
    }
  }

  #reserveId(
    newcomer: Newcomer,
    opening: Opening,
    maxDraws: number,
  ): SessionId | Unavailable | Promise<SessionId | Unavailable> {
    const { totals, limits, counters, backplane } = this.#shared;
    if (totals.sessionCount >= limits.maxSessions) {
      counters.limitsReached.sessions++;
      return unavailable('full', `this node holds its limit of ${limits.maxSessions} sessions (limits.maxSessions)`);
    }
    if (this.#refusal !== undefined) return this.#refusal;
    totals.sessionCount++;
    this.#count++;
    const known = this.#shown(newcomer);
    const { session } = opening;
    const joined = backplane.directory.join(this.#realm, { ...known, session });
    return joined === true ? session : this.#settle(opening, joined, known, maxDraws);
  }

  /** The newcomer without an authextra that is too large for its row. */
  #shown(newcomer: Newcomer): Newcomer {
    if (newcomer.authextra === undefined) return newcomer;
    const { limits, counters } = this.#shared;
    const authextra = shownAuthextra(newcomer.authextra, limits.maxAuthextraBytes);
    if (authextra === undefined && limits.maxAuthextraBytes > 0) counters.limitsReached.authextra_bytes++;
    return { ...newcomer, authextra };
  }

  async #enterPlace(
    places: SessionPlaces,
    authid: string,
    reserved: SessionId | Unavailable | Promise<SessionId | Unavailable>,
  ): Promise<Reservation> {
    const session = await reserved;
    if (isUnavailable(session)) return session;
    const refusal = await places.enter(authid, session);
    if (refusal === undefined) return this.#refuseJoined(session) ?? session;
    this.forget(session);
    return refusal;
  }

  async #settle(
    opening: Opening,
    firstJoined: boolean | Promise<boolean>,
    newcomer: Newcomer,
    maxDraws: number,
  ): Promise<SessionId | Unavailable> {
    const { directory } = this.#shared.backplane;
    let joined = firstJoined;
    try {
      for (let draw = 1; draw <= maxDraws; draw++) {
        if (await joined) return this.#refuseJoined(opening.session) ?? opening.session;
        opening.session = this.#drawId();
        joined = directory.join(this.#realm, { ...newcomer, session: opening.session });
      }
      if (await joined) return this.#refuseJoined(opening.session) ?? opening.session;
    } catch (cause) {
      this.#shared.onLostRequest('join of a session', cause);
    }
    this.#giveBack();
    return unavailable('unreachable', 'the cluster could not be asked for a session id');
  }

  /** The realm may have closed while it waited for the directory. */
  #refuseJoined(session: SessionId): Unavailable | undefined {
    if (this.#refusal !== undefined) this.forget(session);
    return this.#refusal;
  }

  #giveBack(): void {
    this.#count--;
    this.#shared.totals.sessionCount--;
  }
}
