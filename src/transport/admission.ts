export interface AdmissionLimits {
  readonly maxConnections: number;
  /** 0: no limit. */
  readonly maxConnectionsPerAddress: number;
}

export type AdmissionRefusal = 'connections' | 'connections_per_address';

/** Counts open connections, in all and per remote address. Bounded by `maxConnections`. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #byAddress = new Map<string, number>();
  #count = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  /** Counts one more, or says which limit forbids it. */
  enter(address: string): AdmissionRefusal | undefined {
    const { maxConnections, maxConnectionsPerAddress } = this.#limits;
    if (this.#count >= maxConnections) return 'connections';
    const fromAddress = this.#byAddress.get(address) ?? 0;
    if (maxConnectionsPerAddress > 0 && fromAddress >= maxConnectionsPerAddress) return 'connections_per_address';
    this.#byAddress.set(address, fromAddress + 1);
    this.#count++;
    return undefined;
  }

  /** Once per admitted connection. */
  leave(address: string): void {
    const fromAddress = this.#byAddress.get(address) ?? 0;
    if (fromAddress > 1) this.#byAddress.set(address, fromAddress - 1);
    else this.#byAddress.delete(address);
    this.#count--;
  }
}
