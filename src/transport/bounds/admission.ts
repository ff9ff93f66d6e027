export interface AdmissionLimits {
  /** Connections that may stay: WebSockets, and HTTP requests while they are answered. */
  readonly maxConnections: number;
  /** This many more may be open: they have sent nothing, or are answered that there are too many. */
  readonly maxSurplusConnections: number;
  /** Connections of one address; 0: no limit. */
  readonly maxConnectionsPerAddress: number;
  /** Connections that have not sent a complete request. */
  readonly maxPendingConnections: number;
}

export type SlotRefusal = 'connections' | 'connections_per_address';
export type AdmissionRefusal = SlotRefusal | 'pending_connections';

const SURPLUS_PER_ADDRESS = 16;

interface Counts {
  /** From the accept to the end. */
  open: number;
  /** Connections that may stay, and places that are reserved. */
  staying: number;
}

/**
 * Counts open connections from the moment they are accepted, in all and per address. An address is a key that the
 * caller chooses. Bounded by `maxConnections` and the surplus. A connection that sends nothing occupies no slot: only a
 * request takes one.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #byAddress = new Map<string, Counts>();
  readonly #all: Counts = { open: 0, staying: 0 };
  #pendingCount = 0;
  readonly #release = (slot: ConnectionSlot): void => this.#leave(slot.address, slot.isStaying);
  readonly #vacate = ({ address }: ConnectionSlot): void => {
    const counts = this.#countsOf(address);
    this.#all.staying--;
    counts.staying--;
    this.#dropUnused(address, counts);
  };

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** All open connections. */
  get count(): number {
    return this.#all.open;
  }

  /** Connections that have not sent a complete request. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  /**
   * A connection was accepted: counts it until `left` or the release of its slot, or returns why it cannot even be
   * answered. `address` undefined: the address of a proxy, which is not counted.
   */
  arrived(address: string | undefined): AdmissionRefusal | undefined {
    const { maxConnections, maxSurplusConnections, maxPendingConnections, maxConnectionsPerAddress } = this.#limits;
    if (this.#all.open >= maxConnections + maxSurplusConnections) return 'connections';
    if (this.#pendingCount >= maxPendingConnections) return 'pending_connections';
    if (address !== undefined) {
      const mostOpen = maxConnectionsPerAddress === 0 ? Infinity : maxConnectionsPerAddress + SURPLUS_PER_ADDRESS;
      if ((this.#byAddress.get(address)?.open ?? 0) >= mostOpen) return 'connections_per_address';
      this.#countsOf(address).open++;
    }
    this.#all.open++;
    this.#pendingCount++;
    return undefined;
  }

  /** The connection ended before it sent a complete request. Called once. */
  left(address: string | undefined): void {
    this.#pendingCount--;
    this.#leave(address, false);
  }

  /**
   * The connection has sent a complete request. `address`: as passed to `arrived`; `client`: the address that a proxy
   * forwards, else the same.
   */
  requested(address: string | undefined, client: string): ConnectionSlot {
    this.#pendingCount--;
    if (address === undefined) this.#countsOf(client).open++;
    return new ConnectionSlot(client, this.#release);
  }

  /** Lets a connection stay, or returns why not: then it is to be answered and closed. Once for each slot. */
  admit(slot: ConnectionSlot): SlotRefusal | undefined {
    const { maxConnections, maxConnectionsPerAddress } = this.#limits;
    const staying = this.#byAddress.get(slot.address)?.staying ?? 0;
    if (this.#all.staying >= maxConnections) return 'connections';
    if (maxConnectionsPerAddress > 0 && staying >= maxConnectionsPerAddress) return 'connections_per_address';
    this.#all.staying++;
    this.#countsOf(slot.address).staying++;
    slot.isStaying = true;
    return undefined;
  }

  /**
   * Lets a client stay that has no connection of its own, or returns why not. Its requests are connections, which count as
   * open and not as staying.
   */
  reserve(address: string): ConnectionSlot | SlotRefusal {
    const slot = new ConnectionSlot(address, this.#vacate);
    return this.admit(slot) ?? slot;
  }

  #countsOf(address: string): Counts {
    let counts = this.#byAddress.get(address);
    if (counts === undefined) {
      counts = { open: 0, staying: 0 };
      this.#byAddress.set(address, counts);
    }
    return counts;
  }

  #leave(address: string | undefined, wasStaying: boolean): void {
    this.#all.open--;
    if (wasStaying) this.#all.staying--;
    if (address === undefined) return;
    const counts = this.#countsOf(address);
    counts.open--;
    if (wasStaying) counts.staying--;
    this.#dropUnused(address, counts);
  }

  #dropUnused(address: string, { open, staying }: Counts): void {
    if (open <= 0 && staying <= 0) this.#byAddress.delete(address);
  }
}

/** The slot of a connection that has sent a request, or of a client without one, until it is released. */
export class ConnectionSlot {
  readonly address: string;
  isStaying = false;
  /** Called once, when the slot is released. */
  onRelease: (() => void) | undefined;
  #release: ((slot: ConnectionSlot) => void) | undefined;

  constructor(address: string, release: (slot: ConnectionSlot) => void) {
    this.address = address;
    this.#release = release;
  }

  /** The connection has ended. Idempotent. */
  release(): void {
    if (this.#release === undefined) return;
    this.#release(this);
    this.#release = undefined;
    this.onRelease?.();
  }
}
