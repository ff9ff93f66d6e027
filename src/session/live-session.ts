import { Cost } from '../routing/turn-meter.js';
import type { EndpointDependencies } from './endpoint-dependencies.js';
import type { EstablishedSession } from './established-session.js';
import { Intake } from './intake.js';
import type { SessionRealm } from './ports.js';
import type { SessionReports } from './session-reports.js';
import type { TurnScheduler } from './turn-scheduler.js';
import { TurnWork } from './turn-work.js';

/** An established session in its realm, with the checks of what it sends: from WELCOME to its end. */
export class LiveSession {
  readonly session: EstablishedSession;
  readonly intake: Intake;
  readonly #realm: SessionRealm;
  readonly #turns: TurnScheduler;
  readonly #reports: SessionReports;

  constructor(
    session: EstablishedSession,
    realm: SessionRealm,
    { counters, logger, turns }: Pick<EndpointDependencies, 'counters' | 'logger' | 'turns'>,
    reports: SessionReports,
  ) {
    this.session = session;
    this.intake = new Intake({ session, realm, counters, logger });
    this.#realm = realm;
    this.#turns = turns;
    this.#reports = reports;
  }

  /** The realm may route to the session from now on. */
  begin(): void {
    this.#reports.opened(this.session);
    this.#turns.work(Cost.SESSION);
    this.#realm.admit(this.session);
  }

  /**
   * The last act of each step: the realm reacts to the end of the session (SES-13). `ended` follows once the session holds nothing any
   * more: before this returns, or after some turns.
   */
  end(reason: string, ended?: () => void): void {
    this.#turns.work(Cost.SESSION);
    this.session.seal();
    this.#reports.closed(this.session, reason);
    const endPart = this.#realm.remove(this.session);
    if (endPart === undefined) ended?.();
    else new TurnWork(this.#turns, Cost.SESSION_PART, endPart, ended).begin();
  }
}
