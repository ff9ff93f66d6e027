import type { Values } from '../codec/payload-values.js';
import type { FlushFilter } from '../session/authorization/decision-cache.js';
import type { Subject } from '../session/authorization/permission.js';
import {
  AuthorizerCallError,
  RemoteAuthorizer,
  type AuthorizerSettings,
  type AuthorizerTrouble,
} from '../session/authorization/remote-authorizer.js';
import type { RoleAuthorizers } from '../session/authorization/role-authorizers.js';
import { covers, toUriSet } from '../session/authorization/uri-sets.js';
import type { Authorizer } from '../session/ports.js';
import type { Counters } from '../telemetry/counters.js';
import type { Registration } from '../routing/ports.js';
import type { Uri } from '../wamp/ids.js';
import type { List } from '../wamp/options.js';
import { callFailure, ServiceCallError, type CallFailure, type ServiceSession } from './sessions/service-session.js';

export interface AuthorizationSettings {
  /** Static permissions of every role. */
  readonly roles: RoleAuthorizers;
  /** Key: the authrole, for the roles that have an authorizer. */
  readonly remote: ReadonlyMap<string, AuthorizerSettings>;
}

/** The state that the authorizers of all realms of a node share. */
export interface AuthorizingDependencies {
  /** Questions that are not answered yet. */
  readonly pending: { count: number; readonly max: number };
  readonly onTrouble: (realm: Uri, trouble: AuthorizerTrouble) => void;
}

export interface RealmAuthorizationDependencies {
  readonly counters: Counters;
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Absent: nothing bounds the questions, and nothing reports the troubles of authorizers. */
  readonly authorizing?: AuthorizingDependencies;
}

/** Selects the decisions to forget. */
export interface RealmFlushFilter extends FlushFilter {
  readonly authrole?: string;
}

/** Subject of the question to all nodes whose answer is the number of decisions that the node has forgotten. */
export const FLUSH_SUBJECT = 'authorization.flush';

/** Permissions of one realm on this node: static ones, and authorizers with what this node remembers of their answers. */
export class RealmAuthorization {
  readonly #make: (settings: AuthorizerSettings) => RemoteAuthorizer;
  #settings: AuthorizationSettings;
  /**
   * Key: the authrole, also of roles that have had an authorizer: sessions that joined before a reload may still ask it.
   * Bounded by the number of names of roles.
   */
  readonly #remote = new Map<string, RemoteAuthorizer>();

  constructor(
    realm: Uri,
    settings: AuthorizationSettings,
    { counters, nowMs, after, authorizing }: RealmAuthorizationDependencies,
    service: () => ServiceSession,
  ) {
    const sources = {
      nowMs,
      counters,
      pending: authorizing?.pending ?? { count: 0, max: Infinity },
      onTrouble: (trouble: AuthorizerTrouble) => authorizing?.onTrouble(realm, trouble),
    };
    const call = (procedure: Uri, args: List, timeoutMs: number) =>
      callAuthorizer(service(), after, { procedure, args, timeoutMs });
    this.#make = (authorizer) => new RemoteAuthorizer(authorizer, call, sources);
    this.#settings = settings;
    this.apply(settings);
  }

  /** Replaces the settings. Sessions keep the permissions that they joined with; an authorizer is asked by its new settings. */
  apply(settings: AuthorizationSettings): void {
    this.#settings = settings;
    for (const [role, authorizer] of settings.remote) {
      const known = this.#remote.get(role);
      if (known === undefined) this.#remote.set(role, this.#make(authorizer));
      else known.apply(authorizer);
    }
  }

  /** Undefined: the realm has no such role. */
  authorizer(subject: Subject): Authorizer | undefined {
    const { roles, remote } = this.#settings;
    return roles.of(subject, remote.has(subject.authrole) ? this.#remote.get(subject.authrole) : undefined);
  }

  /** The authorizer of a session that joined before a reload, and keeps its permissions. */
  reguarded(authorizer: Authorizer, subject: Subject): Authorizer {
    return this.#settings.roles.reguarded(authorizer, subject);
  }

  /** Forgets decisions of authorizers, and returns how many. */
  flush({ authrole, ...filter }: RealmFlushFilter): number {
    let count = 0;
    for (const [role, authorizer] of this.#remote)
      if (authrole === undefined || role === authrole) count += authorizer.flush(filter);
    return count;
  }

  /** Answers the question of a node. Undefined: its body is no filter. */
  answerFlush(body: unknown): number | undefined {
    const filter = readFlushFilter(body);
    return filter === undefined ? undefined : this.flush(filter);
  }

  /** A registration has changed. A new authorizer may decide otherwise than the one before it. */
  registration({ procedure, match, callees }: Registration): void {
    if (this.#remote.size === 0 || callees.length === 0) return;
    const registered = toUriSet(procedure, match);
    for (const authorizer of this.#remote.values())
      if (covers(registered, toUriSet(authorizer.procedure, 'exact'))) authorizer.flush({});
  }
}

/** The filter in the body of a question; undefined: it is none. */
export function readFlushFilter(body: unknown): RealmFlushFilter | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
  const entries = Object.entries(body);
  if (!entries.every(([key, value]) => FILTER_KEYS.has(key) && typeof value === 'string')) return undefined;
  return Object.fromEntries(entries);
}

const FILTER_KEYS: ReadonlySet<string> = new Set(['authrole', 'authid', 'uri']);

interface AuthorizerCall {
  readonly procedure: Uri;
  readonly args: List;
  readonly timeoutMs: number;
}

async function callAuthorizer(
  service: ServiceSession,
  after: RealmAuthorizationDependencies['after'],
  { procedure, args, timeoutMs }: AuthorizerCall,
): Promise<Values> {
  // A callee that keeps the time itself may be late; the client must not wait for it.
  const late = new AbortController();
  const cancelTimeout = after(timeoutMs, () => late.abort());
  try {
    return await service.call(procedure, args, { timeoutMs, signal: late.signal });
  } catch (error) {
    if (!(error instanceof ServiceCallError)) throw error;
    throw new AuthorizerCallError(late.signal.aborted ? 'timeout' : FAILURES[callFailure(error.error)], error.error);
  } finally {
    cancelTimeout();
  }
}

const FAILURES: Readonly<Record<CallFailure, AuthorizerCallError['failure']>> = {
  not_registered: 'unavailable',
  unreachable: 'unavailable',
  timeout: 'timeout',
  error: 'error',
};
