import { createHash } from 'node:crypto';
import type { EntryName, ExpiringStore } from '../../backplane/expiring-store.js';
import { fault, type Fault } from '../../wamp/faults.js';
import type { Uri } from '../../wamp/ids.js';
import { ErrorUri } from '../../wamp/uris.js';
import { AttemptsUnderWay, type Release } from './attempts-under-way.js';

/** A client that tries to join, and its address. */
export interface Attempt {
  readonly realm: Uri;
  /** Undefined or empty: the client named none. */
  readonly authid: string | undefined;
  /** The same for all addresses that one host may use. */
  readonly address: string;
}

export interface FailedAttemptsLimits {
  readonly maxFailedAuthenticationsPerAuthid: number;
  readonly maxFailedAuthenticationsPerAddress: number;
  readonly failedAuthenticationWindowMs: number;
}

export interface FailedAttemptsOptions {
  readonly store: Pick<ExpiringStore, 'add' | 'delete'>;
  readonly limits: FailedAttemptsLimits;
  /** Monotonic. */
  readonly nowMs: () => number;
}

interface Known {
  /** Failures in the cluster, as far as this node knows. */
  count: number;
  readonly untilMs: number;
}

/** Something that failures are counted for. */
interface Subject {
  readonly key: string;
  /** Undefined: only this node counts it. */
  readonly name: EntryName | undefined;
  readonly max: number;
}

interface Subjects {
  readonly pair: Subject | undefined;
  readonly authid: Subject | undefined;
  readonly addresses: readonly Subject[];
}

/** Subjects that this node remembers. Beyond it the oldest are forgotten. */
const MAX_KNOWN = 65_536;
/** Additions to the shared store that may be under way. Beyond it only this node counts. */
const MAX_UNDER_WAY = 1_024;
/** How many times the bound of one address all addresses together may fail before attempts for the authid are slowed down. */
const ALL_ADDRESSES = 10;
const SLOWDOWN_MS = 1_000;

/**
 * Bounds failed attempts to authenticate: for an authid and an address together, and for an address. An attacker who knows an
 * authid locks out nobody at another address; failures from many addresses only slow the authid down.
 * A success costs nothing here: each failure is added to the shared counters, and the reply has the sum over all
 * nodes. So each node lets a few attempts more pass than the bound. While the store is away, each node counts alone.
 */
export class FailedAttempts {
  readonly #options: FailedAttemptsOptions;
  readonly #known = new Map<string, Known>();
  readonly #underWay = new AttemptsUnderWay();
  #underWayCount = 0;

  constructor(options: FailedAttemptsOptions) {
    this.#options = options;
  }

  /** Undefined: the attempt may be made. Looks only at what failed before, so it shows nothing about the principal. */
  refusal(attempt: Attempt): Fault | undefined {
    const { pair, addresses } = this.#subjects(attempt);
    if (pair !== undefined && this.#countOf(pair) >= pair.max) return refused('maxFailedAuthenticationsPerAuthid');
    if (addresses.some((subject) => this.#countOf(subject) >= subject.max))
      return refused('maxFailedAuthenticationsPerAddress');
    return undefined;
  }

  /** How long the attempt has to wait. */
  delayMs(attempt: Attempt): number {
    const { authid } = this.#subjects(attempt);
    return authid !== undefined && this.#countOf(authid) >= authid.max ? SLOWDOWN_MS : 0;
  }

  /** A place among the attempts of the authid and the address that are decided at the same time: as many as may still fail. */
  enter(attempt: Attempt): Release | Promise<Release> {
    const { pair } = this.#subjects(attempt);
    if (pair === undefined) return () => undefined;
    return this.#underWay.enter(pair.key, () => pair.max - this.#countOf(pair));
  }

  failed(attempt: Attempt): void {
    const { pair, authid, addresses } = this.#subjects(attempt);
    const subjects = [pair, authid, ...addresses].filter((subject) => subject !== undefined);
    for (const subject of subjects) this.#raise(subject, this.#countOf(subject) + 1);
    void this.#share(
      attempt.realm,
      subjects.filter(({ name }) => name !== undefined),
    );
  }

  /** The authid and the address are right together: what failed before was a mistake. */
  succeeded(attempt: Attempt): void {
    const { pair } = this.#subjects(attempt);
    if (pair?.name === undefined || !this.#known.delete(pair.key)) return;
    // Should it fail, the counter ends by itself.
    this.#options.store.delete(attempt.realm, pair.name).catch(() => undefined);
  }

  async #share(realm: Uri, subjects: readonly Subject[]): Promise<void> {
    if (subjects.length === 0 || this.#underWayCount >= MAX_UNDER_WAY) return;
    const { store, limits } = this.#options;
    const names = subjects.flatMap(({ name }) => name ?? []);
    this.#underWayCount++;
    try {
      const counts = await store.add(realm, names, 1, limits.failedAuthenticationWindowMs);
      subjects.forEach((subject, index) => this.#raise(subject, counts[index] ?? 0));
    } catch {
      // The store is away, which others report: this node counts alone.
    } finally {
      this.#underWayCount--;
    }
  }

  #subjects({ realm, authid, address }: Attempt): Subjects {
    const { maxFailedAuthenticationsPerAuthid: perAuthid, maxFailedAuthenticationsPerAddress: perAddress } =
      this.#options.limits;
    const hasAuthid = perAuthid > 0 && authid !== undefined && authid !== '';
    return {
      pair: hasAuthid ? subject(realm, `pair\n${address}\n${authid}`, perAuthid) : undefined,
      authid: hasAuthid ? subject(realm, `authid\n${authid}`, ALL_ADDRESSES * perAuthid) : undefined,
      addresses:
        perAddress > 0
          ? [
              subject(realm, `address\n${address}`, perAddress),
              { key: keyOf('', `address\n${address}`), name: undefined, max: perAddress },
            ]
          : [],
    };
  }

  #countOf({ key }: Subject): number {
    const known = this.#known.get(key);
    return known === undefined || known.untilMs <= this.#options.nowMs() ? 0 : known.count;
  }

  #raise({ key }: Subject, count: number): void {
    const nowMs = this.#options.nowMs();
    const known = this.#known.get(key);
    if (known !== undefined && known.untilMs > nowMs) {
      known.count = Math.max(known.count, count);
      return;
    }
    this.#known.delete(key);
    this.#known.set(key, { count, untilMs: nowMs + this.#options.limits.failedAuthenticationWindowMs });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
  }
}

function subject(realm: Uri, name: string, max: number): Subject {
  return { key: keyOf(realm, name), name: { kind: 'failures', name }, max };
}

/** A digest, because an authid may be long. */
function keyOf(realm: Uri, name: string): string {
  return createHash('sha256').update(`${realm}\n${name}`).digest('base64url');
}

function refused(setting: string): Fault {
  const message = `too many attempts to authenticate have failed: try again later (limits.${setting})`;
  return fault(ErrorUri.LIMIT_EXCEEDED, message);
}
