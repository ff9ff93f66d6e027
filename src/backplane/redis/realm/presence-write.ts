import type { PendingWait } from './pending.js';
import { changeInterest, type Done, type NotServing } from './scripts.js';
import type { WritePath } from './write-path.js';
import type { Write } from './write-queue.js';
import type { ClaimWrite } from './writes.js';

/**
 * Has every node that serves the realm confirm something before claims are made that concern what others hold: while one of
 * them does not answer, no node is to learn of a callee that is not certain.
 */
export class PresenceWrite implements Write, PendingWait {
  readonly kind = 'presence';
  readonly cost = 1;
  readonly deadlineMs: number;
  readonly claims: ClaimWrite[] = [];
  readonly #path: WritePath<PresenceWrite>;
  readonly #settled: (write: PresenceWrite) => void;
  #isOver = false;

  /** `settled`: all nodes have confirmed, or are gone. */
  constructor(path: WritePath<PresenceWrite>, deadlineMs: number, settled: (write: PresenceWrite) => void) {
    this.#path = path;
    this.deadlineMs = deadlineMs;
    this.#settled = settled;
  }

  get isSettled(): boolean {
    return this.#isOver || this.claims.every((claim) => claim.isSettled);
  }

  get isFull(): boolean {
    return this.claims.length >= this.#path.maxPerWrite;
  }

  async run(): Promise<void> {
    const change = { added: [], removed: [], isAwaited: true };
    let reply: Done | NotServing;
    try {
      reply = await this.#path.run(changeInterest, change);
    } catch (cause) {
      this.#path.uncertain(this, cause);
      return;
    }
    if (reply.kind === 'not-serving') this.#path.realmLost(this);
    else this.#path.written(reply.version, reply.nodes, this);
  }

  open(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#settled(this);
  }

  fail(): void {
    this.#isOver = true;
    for (const claim of this.claims) claim.fail();
  }
}
