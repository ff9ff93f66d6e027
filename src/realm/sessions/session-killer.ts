import type { Session } from '../../session/ports.js';
import type { OpeningSessions } from './reservations.js';
import { isDict, own } from '../../wamp/dict.js';
import { fault } from '../../wamp/faults.js';
import { isId, type SessionId, type Uri } from '../../wamp/ids.js';

/** The subject of the question that closes sessions. Each node answers with the ids of those that it has closed. */
export const KILL_SUBJECT = 'sessions.kill';

const KINDS = ['session', 'authid', 'authrole', 'login', 'logins_of', 'all'] as const;

/**
 * The sessions that are to be closed: the one of this id, those of an authid or an authrole, those of one login by cookie or of
 * all logins by cookie of an authid, or all.
 */
export interface KillOrder {
  readonly by: (typeof KINDS)[number];
  /** Absent for `all`. */
  readonly value?: SessionId | string;
  /** The caller, which stays. */
  readonly except: SessionId;
  readonly reason: Uri;
  readonly message?: string;
}

export interface SessionKillerOptions {
  readonly sessions: ReadonlySet<Session>;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Runs `close`; neither testaments nor `on_leave` are published of the sessions that end by it. */
  readonly silently: (session: Session, close: () => void) => void;
}

/** Sessions that one turn of the event loop closes. */
const AT_ONCE = 200;

/** Closes sessions of this node because a session of some node has called `wamp.session.kill` or the like. */
export class SessionKiller {
  readonly #opening: OpeningSessions;
  readonly #options: SessionKillerOptions;

  constructor(opening: OpeningSessions, options: SessionKillerOptions) {
    this.#opening = opening;
    this.#options = options;
  }

  /** Undefined: the body of the question has not the shape of an order. */
  answer(body: unknown): Promise<readonly SessionId[]> | undefined {
    const order = readOrder(body);
    return order && this.#carryOut(order);
  }

  async #carryOut(order: KillOrder): Promise<readonly SessionId[]> {
    const { sessions, after, silently } = this.#options;
    const why = fault(order.reason, order.message ?? 'the session was closed while it was being opened');
    const killed: SessionId[] = [...this.#opening.refuseOpening((session) => isMeant(order, session), why)];
    const meant = [...sessions].filter((session) => session.session !== order.except && isMeant(order, session));
    for (const [at, session] of meant.entries()) {
      if (at > 0 && at % AT_ONCE === 0) await new Promise<void>((resolve) => void after(1, resolve));
      // It may have ended meanwhile.
      if (!sessions.has(session) || !session.isOpen) continue;
      killed.push(session.session);
      const close = (): void => session.close(order.reason, order.message);
      if (order.by === 'all') silently(session, close);
      else close();
    }
    return killed;
  }
}

function isMeant(
  { by, value }: KillOrder,
  session: Pick<Session, 'session' | 'authid' | 'authrole'> & Partial<Pick<Session, 'login'>>,
): boolean {
  switch (by) {
    case 'all':
      return true;
    case 'login':
      return session.login?.id === value;
    case 'logins_of':
      return session.login !== undefined && session.authid === value;
    case 'session':
    case 'authid':
    case 'authrole':
      return session[by] === value;
  }
}

/** An order that comes from another node. */
function readOrder(body: unknown): KillOrder | undefined {
  if (!isDict(body)) return undefined;
  const by = KINDS.find((kind) => kind === own(body, 'by'));
  const [value, except, reason, message] = ['value', 'except', 'reason', 'message'].map((key) => own(body, key));
  if (by === undefined) return undefined;
  if (by === 'session' ? !isId(value) : by !== 'all' && typeof value !== 'string') return undefined;
  if (!isId(except) || typeof reason !== 'string') return undefined;
  if (message !== undefined && typeof message !== 'string') return undefined;
  const order: KillOrder = { by, value: value as SessionId | string, except: except as SessionId, reason };
  return message === undefined ? order : { ...order, message };
}
