import { BackplaneUnavailableError } from '../../backplane.js';
import type { Uri } from '../../../wamp/ids.js';
import { INITIAL_STATE, isReachable, transition, type ReplicaEvent, type ReplicaState } from './replica-state.js';

const DESCRIPTIONS: Readonly<Record<ReplicaState['kind'], string>> = {
  entering: 'not entered yet',
  synced: 'served',
  resyncing: 'not in step with Redis',
  withdrawing: 'being withdrawn',
  closed: 'closed',
};

/** Holds the state of one replica. */
export class ReplicaMachine {
  readonly #realm: Uri;
  #state = INITIAL_STATE;

  constructor(realm: Uri) {
    this.#realm = realm;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  /** False: the state refuses the event. */
  on(event: ReplicaEvent): boolean {
    const next = transition(this.#state, event);
    if (next !== undefined) this.#state = next;
    return next !== undefined;
  }

  /** Names the realm and its state. */
  unavailable(operation: string, cause?: unknown): BackplaneUnavailableError {
    const { kind } = this.#state;
    const isCutOff = kind !== 'closed' && !isReachable(this.#state);
    const description = isCutOff ? 'cut off from Redis' : DESCRIPTIONS[kind];
    return new BackplaneUnavailableError(`${operation}: realm ${this.#realm} is ${description}`, cause);
  }
}
