import type { TurnAccount, TurnMember, TurnScheduler } from './turn-scheduler.js';

/** Work that is too long for one turn, because others decide how long it is: its parts take turns with messages (G11). */
export class TurnWork implements TurnMember {
  readonly #turns: TurnScheduler;
  readonly #cost: number;
  readonly #doPart: () => boolean;
  readonly #done: (() => void) | undefined;
  readonly #account: TurnAccount;

  /** `cost` of a part, beside what it adds to the meter. `doPart`: false once nothing is left; then `done` follows, once. */
  constructor(turns: TurnScheduler, cost: number, doPart: () => boolean, done?: () => void) {
    this.#turns = turns;
    this.#cost = cost;
    this.#doPart = doPart;
    this.#done = done;
    this.#account = turns.open(this);
  }

  /** The first part was done just now. */
  begin(): void {
    this.#turns.charge(this.#account, this.#turns.spent, this.#cost);
    this.#turns.queue(this.#account);
  }

  handleNext(): boolean {
    const before = this.#turns.spent;
    const isPartLeft = this.#doPart();
    this.#turns.charge(this.#account, before, this.#cost);
    if (!isPartLeft) this.#done?.();
    return isPartLeft;
  }

  abandon(): void {
    while (this.#doPart());
    this.#done?.();
  }
}

/** Work whose parts add to the meter what they cost. Its first part was done just now. */
export function longWork(turns: TurnScheduler): { inTurns(part: () => boolean): Promise<void> } {
  return { inTurns: (part) => new Promise((resolve) => new TurnWork(turns, 0, part, resolve).begin()) };
}
