import { Cost } from '../routing/turn-meter.js';
import type { TurnAccount, TurnMember, TurnScheduler } from './turn-scheduler.js';

/** A session that holds much when it ends: the parts of its end take turns with the messages of others (G11). */
export class LeavingSession implements TurnMember {
  readonly #turns: TurnScheduler;
  readonly #endPart: () => boolean;
  readonly #ended: (() => void) | undefined;
  readonly #account: TurnAccount;

  /** `endPart`: false once nothing is left; then `ended` follows. */
  constructor(turns: TurnScheduler, endPart: () => boolean, ended: (() => void) | undefined) {
    this.#turns = turns;
    this.#endPart = endPart;
    this.#ended = ended;
    this.#account = turns.open(this);
  }

  begin(): void {
    // Its first part has ended already.
    this.#charge();
    this.#turns.queue(this.#account);
  }

  handleNext(): boolean {
    if (this.#endPart()) {
      this.#charge();
      return true;
    }
    this.#ended?.();
    return false;
  }

  abandon(): void {
    while (this.#endPart());
    this.#ended?.();
  }

  #charge(): void {
    this.#turns.charge(this.#account, this.#turns.spent, Cost.SESSION_PART);
  }
}
