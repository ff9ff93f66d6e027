import type { ReloadOutcome } from './reload/config-reloader.js';
import { NODE_LIST, nodeList } from './node-list.js';
import { FLUSH_SUBJECT, readFlushFilter } from '../realm/authorization.js';
import { GET_EVENTS, getEvents, type HistoryRealm } from '../realm/kept/history-query.js';
import type { RouterProcedure, RouterProcedures } from '../realm/router-procedures.js';
import {
  ADD_TESTAMENT,
  addTestament,
  FLUSH_TESTAMENTS,
  flushTestaments,
  type TestamentRealm,
} from '../realm/testaments/testament-procedures.js';
import type { Authenticators } from '../session/auth/authenticator.js';
import type { AuthMethod } from '../session/auth/method.js';
import type { Backplane, UnansweredCause } from '../backplane/backplane.js';
import { isOneRequest } from '../session/ports.js';
import type { CookieLogouts } from './auth/cookie-logouts.js';
import type { Counters } from '../telemetry/counters.js';
import { fault } from '../wamp/faults.js';
import type { NodeId, Uri } from '../wamp/ids.js';
import { ErrorUri } from '../wamp/uris.js';

export interface RouterProcedureSources {
  readonly authMethodsOf: (realm: Uri) => readonly AuthMethod[];
  readonly authenticators: Authenticators;
  readonly cookies: Pick<CookieLogouts, 'revoking'>;
  readonly node: NodeId;
  /** The agent that WELCOME names. */
  readonly agent: string;
  /** Reloads the configuration of this node. */
  readonly reload: () => Promise<ReloadOutcome>;
  readonly ask: Backplane['ask'];
  /** Undefined: the node does not have the realm any more. */
  readonly realmOf: (uri: Uri) => (TestamentRealm & HistoryRealm) | undefined;
  readonly history: Backplane['history'];
  readonly counters: Pick<Counters, 'historyQueries'>;
}

const SESSION_INFO: Uri = 'gantry.session.info';
const SESSION_RENEW: Uri = 'gantry.session.renew';
const COOKIE_REVOKE: Uri = 'gantry.cookie.revoke';
const CONFIG_RELOAD: Uri = 'gantry.config.reload';
const AUTHORIZATION_FLUSH: Uri = 'gantry.authorization.flush';

/** Procedures of the router that a role may call only where a permission names them. */
export const ROUTER_PROCEDURES: ReadonlySet<Uri> = new Set([
  SESSION_INFO,
  SESSION_RENEW,
  COOKIE_REVOKE,
  CONFIG_RELOAD,
  AUTHORIZATION_FLUSH,
  NODE_LIST,
]);

/** The procedures of the router itself, as this node carries them out. */
export function createRouterProcedures(sources: RouterProcedureSources): RouterProcedures {
  return new Map([
    [SESSION_INFO, sessionInfo(sources)],
    [SESSION_RENEW, sessionRenew(sources)],
    [COOKIE_REVOKE, sources.cookies.revoking()],
    [CONFIG_RELOAD, configReload(sources)],
    [AUTHORIZATION_FLUSH, flushAuthorization(sources)],
    [NODE_LIST, nodeList(sources.ask)],
    [GET_EVENTS, getEvents(sources.realmOf, sources.history, sources.counters)],
    [ADD_TESTAMENT, addTestament(sources.realmOf)],
    [FLUSH_TESTAMENTS, flushTestaments(sources.realmOf)],
  ]);
}

/** Reloads the configuration as SIGHUP does, and answers with the outcome. A caller whose principal is gone then gets GOODBYE instead. */
function configReload({ node, reload }: RouterProcedureSources): RouterProcedure {
  return async () => {
    const outcome = await reload();
    if (outcome.result === 'refused') return { args: [{ node, result: outcome.result, faults: [...outcome.faults] }] };
    const { result, changed, needsRestart } = outcome;
    return { args: [{ node, result, changed: [...changed], needsRestart: [...needsRestart] }] };
  };
}

/** The caller as the router knows it, and the node that serves it. */
function sessionInfo({ node, agent }: RouterProcedureSources): RouterProcedure {
  return ({ realm, caller: { session, authid, authrole, authmethod, authprovider, serializer } }) => ({
    args: [{ realm, session, authid, authrole, authmethod, authprovider, serializer, node, agent }],
  });
}

/**
 * Takes another token of the caller's principal: the session ends when that one expires. The principal stays what it is; a
 * session that the token does not fit keeps the time that it had.
 */
function sessionRenew({ authMethodsOf, authenticators }: RouterProcedureSources): RouterProcedure {
  return async ({ realm, caller, args: [token], signal }) => {
    if (typeof token !== 'string') return fault(ErrorUri.INVALID_ARGUMENT, 'expected the token as the one argument');
    const { authid, authrole, authmethod, session, transport } = caller;
    const method = authMethodsOf(realm).find(({ name }) => name === authmethod);
    if (isOneRequest(caller))
      return fault(
        ErrorUri.INVALID_ARGUMENT,
        'the session of an HTTP request ends with its answer: send the other token with the next one',
      );
    if (method?.renew === undefined || transport === undefined)
      return fault(ErrorUri.INVALID_ARGUMENT, `sessions that joined by ${authmethod} do not expire`);
    const details = { authid };
    const step = await method.renew(token, {
      realm,
      details,
      transport,
      session: () => session,
      authenticators,
      signal,
    });
    if (step.kind === 'postponed') return fault(ErrorUri.UNAVAILABLE, step.reason.message);
    const principal = step.kind === 'granted' ? step.principal : undefined;
    if (principal === undefined || principal.authid !== authid || principal.authrole !== authrole)
      return fault(ErrorUri.NOT_AUTHORIZED, 'the token is not valid, or is not one of this principal');
    if (principal.validForMs !== undefined) caller.endAfter(principal.validForMs);
    return {};
  };
}

const FLUSH_TIMEOUT_MS = 5_000;
/** Nodes that remember nothing: they have left, or are of a release without authorizers. */
const WITHOUT_CACHE: ReadonlySet<UnansweredCause> = new Set(['gone', 'unsupported']);

/** Makes every node that serves the realm forget what its authorizers decided. Keyword arguments narrow it. */
function flushAuthorization({ ask }: RouterProcedureSources): RouterProcedure {
  return async ({ realm, args, kwargs }) => {
    const filter = args.length === 0 ? readFlushFilter(kwargs) : undefined;
    if (filter === undefined)
      return fault(ErrorUri.INVALID_ARGUMENT, 'only the keywords authrole, authid and uri are taken, each a string');
    const { answers, unanswered } = await ask(realm, FLUSH_SUBJECT, filter, { timeoutMs: FLUSH_TIMEOUT_MS });
    const unknown = answers.filter(({ body }) => typeof body !== 'number').length;
    const missing = unanswered.filter(({ why }) => !WITHOUT_CACHE.has(why)).length + unknown;
    if (missing > 0) return fault(ErrorUri.UNAVAILABLE, `${missing} nodes did not confirm: call again`);
    const flushed = answers.reduce((sum, { body }) => sum + (typeof body === 'number' ? body : 0), 0);
    return { args: [{ flushed, nodes: answers.length }] };
  };
}
