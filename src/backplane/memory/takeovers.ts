import type { Claim, ClaimOutcome } from '../../routing/ports.js';
import type { RegistrationId, SessionId, Uri } from '../../wamp/ids.js';

export interface MemoryTakeoversOptions {
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** How long a claim waits for the verdict on a holder at most. */
  readonly limitMs: number;
  /** One atomic step of the directory; undefined: it is refused, and a holder may be going still. */
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

/** Nothing says that a node has come back: it is looked for. */
const STEP_MS = 250;

/** Claims of what callees hold whose nodes do not answer: they wait until those are declared dead, or answer again. */
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

  /** The directory has changed: puts the claims again, in the order in which they came. */
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

  /** Nobody is answered. */
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
