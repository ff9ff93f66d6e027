import type { Frame } from '../../../routing/frames.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import type { BackplaneUnavailableError } from '../../backplane.js';
import type { LaneTraffic } from './ports.js';

/** The outcome of one publication: settles once each of its batches has settled, with the first refusal if there is one. */
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

/** The items of one batch as far as their outcome is concerned. */
export class Batch {
  /** Bytes of its publications and frames. */
  itemBytes = 0;
  /** Its publications and frames. Controls do not count: their loss costs nothing. */
  messageCount = 0;
  #settlements: Settlement[] = [];
  #ownSettlement: Settlement | undefined;
  readonly #frames: Frame[] = [];
  readonly #realms: Uri[] = [];

  /** Shared by all publications that are in this batch and no other. */
  get ownSettlement(): Settlement {
    if (this.#ownSettlement === undefined) {
      this.#ownSettlement = new Settlement(1);
      this.join(this.#ownSettlement);
    }
    return this.#ownSettlement;
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

  /** Returns its frames: the batch was certainly not delivered. */
  giveBack(to: NodeId, traffic: Pick<LaneTraffic, 'returned'>): void {
    for (let i = 0; i < this.#frames.length; i++)
      traffic.returned(to, this.#realms[i] as Uri, this.#frames[i] as Frame);
  }
}
