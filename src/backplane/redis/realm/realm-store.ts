import type { Script } from '../ports.js';
import type { RealmReplicaOptions } from './ports.js';
import type { RealmStep } from './scripts.js';

/** One realm in the store, as this node writes it. */
export class RealmStore {
  readonly #options: Pick<RealmReplicaOptions, 'store' | 'keys' | 'channel' | 'node'>;
  #highestVersion = 0;

  constructor(options: Pick<RealmReplicaOptions, 'store' | 'keys' | 'channel' | 'node'>) {
    this.#options = options;
  }

  /** The highest version of the realm that this node knows of. The store never counts below it again. */
  get highestVersion(): number {
    return this.#highestVersion;
  }

  noteVersion(version: number): void {
    this.#highestVersion = Math.max(this.#highestVersion, version);
  }

  step(): RealmStep {
    const { keys, channel, node } = this.#options;
    return { keys, channel, node, floor: this.#highestVersion };
  }

  run<Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply> {
    return this.#options.store.run(script, input);
  }
}
