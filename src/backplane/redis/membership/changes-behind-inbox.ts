import { readNodeChange } from './changes.js';

export interface ChangesBehindInboxOptions {
  readonly membership: { receive(message: Uint8Array): void };
  readonly prober: { round(): Promise<void> };
}

/**
 * Passes on changes of the membership where they come from another server than the messages of the inbox. The last messages of a
 * node are in the inbox before it is gone: a probe of this node arrives there behind them, and only then is it reported as gone. A
 * change whose probe is lost with the connections is found by the next renewal of the lease, which compares the versions.
 */
export class ChangesBehindInbox {
  readonly #options: ChangesBehindInboxOptions;

  constructor(options: ChangesBehindInboxOptions) {
    this.#options = options;
  }

  receive(message: Uint8Array): void {
    const { membership, prober } = this.#options;
    const change = readNodeChange(message);
    if (typeof change === 'string' || change.kind !== 'gone') membership.receive(message);
    else void prober.round().then(() => membership.receive(message));
  }
}
