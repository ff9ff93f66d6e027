import { BackplaneUnavailableError } from '../../backplane/backplane.js';
import { closeSessions, counted } from '../../realm/meta/meta-kills.js';
import { reading, type Asked } from '../../realm/meta/meta-question.js';
import type { KillOrder } from '../../realm/sessions/session-killer.js';
import type { RouterProcedure } from '../../realm/router-procedures.js';
import type { CookieLogins } from '../../session/auth/cookie-logins.js';
import type { Session } from '../../session/ports.js';
import { fault, isFault } from '../../wamp/faults.js';
import type { Uri } from '../../wamp/ids.js';
import { CloseUri, ErrorUri } from '../../wamp/uris.js';

export interface CookieLogoutsOptions {
  readonly logins: CookieLogins;
  readonly asking: Omit<Asked, 'realm'>;
  readonly onLost: (operation: string, cause: unknown) => void;
}

const LOGGED_OUT = 'the login of this cookie has ended';

/** Ends logins by cookie, with their sessions on every node. */
export class CookieLogouts {
  readonly #options: CookieLogoutsOptions;

  constructor(options: CookieLogoutsOptions) {
    this.#options = options;
  }

  /** A client has sent the logout of its session: the other sessions of its login end too. */
  logout(session: Session): void {
    const { login, realm } = session;
    if (login === undefined) return;
    this.#options.logins
      .logout(realm, login)
      .then(() => closeSessions(this.#in(realm), orderTo({ by: 'login', value: login.id }, session)))
      .then((killed) => {
        const missing = isFault(killed) ? killed.message : killed.missing.join(', ');
        if (missing !== '')
          this.#options.onLost('logout', new BackplaneUnavailableError(`closing sessions: ${missing}`));
      })
      .catch((cause: unknown) => this.#options.onLost('logout', cause));
  }

  /** A session has joined: its login may have ended after its cookie was looked up, and before the session could be closed. */
  joined(session: Session): void {
    const { login, realm, authid } = session;
    if (login === undefined) return;
    this.#options.logins.hasEnded(realm, authid, login).then(
      (hasEnded) => {
        if (hasEnded) session.close(CloseUri.LOGOUT, LOGGED_OUT);
      },
      (cause: unknown) => this.#options.onLost('check of a login', cause),
    );
  }

  /** The procedure that ends all logins by cookie of an authid in the realm of the caller, whose own session stays. */
  revoking(): RouterProcedure {
    return async ({ realm, caller, args: [authid] }) => {
      if (typeof authid !== 'string')
        return fault(ErrorUri.INVALID_ARGUMENT, 'expected the authid as the one argument');
      const revoked = await reading(() => this.#options.logins.revoke(realm, authid));
      if (isFault(revoked)) return revoked;
      return counted(await closeSessions(this.#in(realm), orderTo({ by: 'logins_of', value: authid }, caller)));
    };
  }

  #in(realm: Uri): Asked {
    return { realm, ...this.#options.asking };
  }
}

function orderTo(which: Pick<KillOrder, 'by' | 'value'>, { session }: Pick<Session, 'session'>): KillOrder {
  return { ...which, except: session, reason: CloseUri.LOGOUT, message: LOGGED_OUT };
}
