import type { Dict, List, MatchPolicy } from '../../wamp/options.js';
import type { Uri } from '../../wamp/ids.js';
import { observe, type AuthorizerResult, type Counters } from '../../telemetry/counters.js';
import { readAnswer, type AuthorizerAnswer } from './answer.js';
import { DecisionCache, type FlushFilter } from './decision-cache.js';
import type { Action, Decision } from './permission.js';
import { argumentsOf, type AuthorizerQuestion } from './question.js';

/** An authorizer of a role, as the configuration has it. */
export interface AuthorizerSettings {
  readonly procedure: Uri;
  readonly timeoutMs: number;
  readonly cache: { readonly maxEntries: number; readonly ttlMs: number };
}

/** Why an authorizer decided nothing. */
export type AuthorizerFailure = Exclude<AuthorizerResult, 'allowed' | 'denied'>;

/** No decision: the request gets the error `authorization_failed`. */
export class AuthorizationFailedError extends Error {
  override readonly name = 'AuthorizationFailedError';
  readonly failure: AuthorizerFailure;

  constructor(failure: AuthorizerFailure) {
    super(`no decision: ${failure}`);
    this.failure = failure;
  }
}

/** The call of an authorizer failed, and why. */
export class AuthorizerCallError extends Error {
  override readonly name = 'AuthorizerCallError';
  readonly failure: 'error' | 'unavailable' | 'timeout';
  /** The error URI. */
  readonly error: Uri;

  constructor(failure: AuthorizerCallError['failure'], error: Uri) {
    super(`the call of the authorizer ended with ${error}`);
    this.failure = failure;
    this.error = error;
  }
}

/** A fault of an authorizer. Every question may report it again. */
export interface AuthorizerTrouble {
  readonly procedure: Uri;
  readonly reason: AuthorizerFailure | 'validate';
  /** Contains no text of the authorizer but an error URI. */
  readonly message: string;
}

/** The state that all authorizers of a realm share. */
export interface AuthorizerSources {
  readonly nowMs: () => number;
  readonly counters: Counters;
  /** Questions of this node that are not answered yet, in all realms. */
  readonly pending: { count: number; readonly max: number };
  readonly onTrouble: (trouble: AuthorizerTrouble) => void;
}

/** Calls the procedure, at most `timeoutMs` long. Rejects with an AuthorizerCallError. */
export type CallAuthorizer = (
  procedure: Uri,
  args: List,
  timeoutMs: number,
) => Promise<{ readonly args: List; readonly kwargs: Dict }>;

/**
 * The authorizer of one role, on one node: a procedure of the application. It decides what no static permission covers.
 * One question is asked for a request, unless an earlier answer was for later requests too.
 */
export class RemoteAuthorizer {
  #settings: AuthorizerSettings;
  readonly #call: CallAuthorizer;
  readonly #sources: AuthorizerSources;
  #cache: DecisionCache;
  /** The first question of those that are out, by action, match and URI. */
  readonly #leaders = new Map<string, Promise<AuthorizerAnswer>>();
  /**
   * Actions whose last answer was for the whole role. Other sessions then wait for the answer to the same question: it
   * is probably for them too.
   */
  readonly #sharing: Record<Action, boolean> = { call: true, register: true, publish: true, subscribe: true };
  /** Counts flushes: an answer to a question from before one is not kept. */
  #flushCount = 0;

  constructor(settings: AuthorizerSettings, call: CallAuthorizer, sources: AuthorizerSources) {
    this.#settings = settings;
    this.#call = call;
    this.#sources = sources;
    this.#cache = new DecisionCache(settings.cache.maxEntries, sources.nowMs);
  }

  get procedure(): Uri {
    return this.#settings.procedure;
  }

  /** Replaces the settings, and forgets what was decided before. */
  apply(settings: AuthorizerSettings): void {
    this.flush({});
    this.#settings = settings;
    this.#cache = new DecisionCache(settings.cache.maxEntries, this.#sources.nowMs);
  }

  /** Rejects with an AuthorizationFailedError. */
  decide(question: AuthorizerQuestion): Decision | Promise<Decision> {
    const { action, uri, match, asker } = question;
    const key = keyOf(action, uri, match);
    const known = this.#cache.get(`${asker.session} ${key}`) ?? this.#cache.get(key);
    return known ?? this.#join(question, key);
  }

  /** Forgets decisions, and those of questions that are out. Returns how many it had. */
  flush(filter: FlushFilter): number {
    this.#flushCount++;
    this.#leaders.clear();
    return this.#cache.flush(filter);
  }

  async #join(question: AuthorizerQuestion, key: string): Promise<Decision> {
    const leader = this.#leaders.get(key);
    if (leader !== undefined && this.#sharing[question.action]) {
      const answer = await leader;
      if (answer.scope === 'role' || !question.asker.isOpen) return answer.decision;
    }
    const asked = this.#ask(question, key);
    if (leader !== undefined) return (await asked).decision;
    this.#leaders.set(key, asked);
    try {
      return (await asked).decision;
    } finally {
      if (this.#leaders.get(key) === asked) this.#leaders.delete(key);
    }
  }

  async #ask(question: AuthorizerQuestion, key: string): Promise<AuthorizerAnswer> {
    const { pending } = this.#sources;
    if (pending.count >= pending.max) {
      this.#sources.counters.limitsReached.pending_authorizations++;
      return this.#fail(
        question.action,
        'limit',
        'too many questions wait for answers (limits.maxPendingAuthorizations)',
      );
    }
    pending.count++;
    const startMs = this.#sources.nowMs();
    const flushCount = this.#flushCount;
    try {
      const { procedure, timeoutMs } = this.#settings;
      const { args, kwargs } = await this.#call(procedure, argumentsOf(question), timeoutMs);
      const answer = readAnswer(args, kwargs);
      if (typeof answer === 'string') return this.#fail(question.action, 'malformed', answer);
      this.#count(question.action, answer.decision.allowed ? 'allowed' : 'denied');
      if (answer.hasValidate) this.#trouble('validate', 'the router ignores "validate", which it does not support');
      if (flushCount === this.#flushCount) this.#keep(question, key, answer);
      return answer;
    } catch (error) {
      if (!(error instanceof AuthorizerCallError)) throw error;
      return this.#fail(question.action, error.failure, error.message);
    } finally {
      pending.count--;
      observe(this.#sources.counters.authorizerLatency, this.#sources.nowMs() - startMs);
    }
  }

  #keep(
    { action, uri, asker }: AuthorizerQuestion,
    key: string,
    { decision, scope, ttlMs = Infinity }: AuthorizerAnswer,
  ): void {
    this.#sharing[action] = scope === 'role';
    if (scope === undefined) return;
    const untilMs = this.#sources.nowMs() + Math.min(ttlMs, this.#settings.cache.ttlMs);
    if (scope === 'role') this.#cache.put(key, { decision, uri, authid: undefined, untilMs });
    else this.#cache.put(`${asker.session} ${key}`, { decision, uri, authid: asker.authid, untilMs });
  }

  #fail(action: Action, failure: AuthorizerFailure, message: string): never {
    this.#count(action, failure);
    this.#trouble(failure, message);
    throw new AuthorizationFailedError(failure);
  }

  #count(action: Action, result: AuthorizerResult): void {
    this.#sources.counters.authorizerCalls[`${action},${result}`]++;
  }

  #trouble(reason: AuthorizerTrouble['reason'], message: string): void {
    this.#sources.onTrouble({ procedure: this.#settings.procedure, reason, message });
  }
}

function keyOf(action: Action, uri: Uri, match: MatchPolicy): string {
  return `${action} ${match} ${uri}`;
}
