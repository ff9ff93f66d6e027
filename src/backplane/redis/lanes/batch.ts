import type { Frame } from '../../../routing/frames.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import type { BackplaneUnavailableError } from '../../backplane.js';
import type { Returned } from '../ports.js';

/** Settles once every batch that it is part of has: with the first refusal, if there is one. */
export class Settlement {
  readonly promise: Promise<void>;
  #resolve = (): void => undefined;
  #reject: (refusal: BackplaneUnavailableError) => void = () => undefined;
  #leftCount: number;

  constructor(batchCount: number) {
    this.#leftCount = batchCount;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  settle(refusal: BackplaneUnavailableError | undefined): void {
    if (refusal !== undefined) this.#reject(refusal);
    else if (--this.#leftCount === 0) this.#resolve();
  }
}

/** What becomes of the items of one batch. */
export class Batch {
  /** Of its publications and frames. */
  itemBytes = 0;
  /** Publications and frames: what is missed when it is lost. */
  saidCount = 0;
  #settlements: Settlement[] = [];
  #alone: Settlement | undefined;
  readonly #frames: Frame[] = [];
  readonly #realms: Uri[] = [];

  /** Shared by all publications that are in this batch and no other. */
  get alone(): Settlement {
    if (this.#alone === undefined) {
      this.#alone = new Settlement(1);
      this.join(this.#alone);
    }
    return this.#alone;
  }

  join(settlement: Settlement): void {
    this.#settlements.push(settlement);
  }

  keep(realm: Uri, frame: Frame): void {
    this.#frames.push(frame);
    this.#realms.push(realm);
  }

  settle(refusal?: BackplaneUnavailableError): void {
    const settlements = this.#settlements;
    this.#settlements = [];
    for (const settlement of settlements) settlement.settle(refusal);
  }

  /** Certainly not delivered. */
  giveBack(to: NodeId, returned: Returned): void {
    for (let i = 0; i < this.#frames.length; i++) returned(to, this.#realms[i] as Uri, this.#frames[i] as Frame);
  }
}
