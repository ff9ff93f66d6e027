import type { Claim, ClaimOutcome } from '../../routing/ports.js';
import { allCallees } from '../../routing/successors.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../wamp/ids.js';
import type { HubPort } from './port.js';

export interface MemoryTakeoversOptions {
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** How long a claim waits at most until a holder is declared dead or answers again. */
  readonly limitMs: number;
  /** One atomic step of the directory. Undefined: it is refused, and a holder may still be declared dead. */
  readonly decide: (realm: Uri, claim: Claim) => Promise<ClaimOutcome> | ClaimOutcome | undefined;
}

interface Waiting {
  readonly realm: Uri;
  readonly claim: Claim;
  readonly refusal: ClaimOutcome;
  readonly resolve: (outcome: ClaimOutcome | Promise<ClaimOutcome>) => void;
  readonly reject: (cause: Error) => void;
  leftMs: number;
}

/** No event reports that a node can be reached again: claims are tried again at this interval. */
const STEP_MS = 250;

/** Claims whose holders are on nodes that do not answer. They wait until those nodes are declared dead, or answer again. */
export class MemoryTakeovers {
  readonly #options: MemoryTakeoversOptions;
  readonly #waiting = new Set<Waiting>();
  #cancelStep: (() => void) | undefined;

  constructor(options: MemoryTakeoversOptions) {
    this.#options = options;
  }

  wait(realm: Uri, claim: Claim, refusal: ClaimOutcome): Promise<ClaimOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.add({ realm, claim, refusal, resolve, reject, leftMs: this.#options.limitMs });
      this.#cancelStep ??= this.#options.after(STEP_MS, this.#step);
    });
  }

  /** Tries the claims again, in the order in which they came, because the directory has changed. */
  retry(): void {
    for (const waiting of [...this.#waiting]) {
      const outcome = this.#options.decide(waiting.realm, waiting.claim);
      if (outcome !== undefined) this.#end(waiting, outcome);
    }
  }

  /** The session has left. */
  abandon(registration: RegistrationId, session: SessionId): void {
    for (const waiting of [...this.#waiting])
      if (waiting.claim.registration === registration && waiting.claim.callee.session === session)
        this.#end(waiting, waiting.refusal);
  }

  failAll(cause: Error): void {
    const waiting = [...this.#waiting];
    this.forget();
    for (const { reject } of waiting) reject(cause);
  }

  /** Ends all without an answer. */
  forget(): void {
    this.#waiting.clear();
    this.#cancelStep?.();
    this.#cancelStep = undefined;
  }

  #end(waiting: Waiting, outcome: ClaimOutcome | Promise<ClaimOutcome>): void {
    this.#waiting.delete(waiting);
    waiting.resolve(outcome);
  }

  readonly #step = (): void => {
    this.retry();
    for (const waiting of [...this.#waiting]) {
      waiting.leftMs -= STEP_MS;
      if (waiting.leftMs <= 0) this.#end(waiting, waiting.refusal);
    }
    this.#cancelStep = this.#waiting.size > 0 ? this.#options.after(STEP_MS, this.#step) : undefined;
  };
}

/** No callee that is present holds what is claimed. */
export function isHeldByAbsent(hub: HubPort, from: NodeId, realm: Uri, { match, procedure }: Claim): boolean {
  const held = hub.directory.registration(realm, match, procedure);
  const callees = held === undefined ? [] : allCallees(held);
  return callees.length > 0 && !callees.some(({ node }) => hub.isPresent(from, node));
}
