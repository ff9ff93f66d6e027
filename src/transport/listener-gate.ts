import type { ConnectionEnd, ConnectionRefusal, ListenerCounts } from '../telemetry/counters.js';
import { ConnectionSlot, type Admission, type SlotRefusal } from './bounds/admission.js';
import type { SharedTransport } from './shared-transport.js';
import type { SocketConnection } from './socket-connection.js';
import type { ListenerRules } from './transport-options.js';

export type GateRefusal = SlotRefusal | 'listener_connections_per_address';

/** Admits the connections of one listener, and counts them under its name. */
export class ListenerGate {
  readonly name: string;
  readonly #counts: ListenerCounts;
  readonly #shared: SharedTransport;
  readonly #admission: Admission;
  readonly #maxPerAddress: number;
  /** Connections that may stay, by the address of their slot. */
  readonly #byAddress = new Map<string, number>();
  #authMethods: ReadonlySet<string> | undefined;

  constructor({ name, authMethods, maxConnectionsPerAddress = Infinity }: ListenerRules, shared: SharedTransport) {
    this.name = name;
    this.#shared = shared;
    this.#admission = shared.admission;
    this.#maxPerAddress = maxConnectionsPerAddress;
    this.#counts = shared.counters.listeners[name] ??= { opened: 0, refused: 0, closed: 0 };
    this.allowMethods(authMethods);
  }

  /** Methods by which a client that connects now may join; undefined: all. */
  get authMethods(): ReadonlySet<string> | undefined {
    return this.#authMethods;
  }

  /** Applies to connections from now on. */
  allowMethods(names: readonly string[] | undefined): void {
    this.#authMethods = names && new Set(names);
  }

  /** See Admission. */
  admit(slot: ConnectionSlot): GateRefusal | undefined {
    if (this.#isFull(slot.address)) return 'listener_connections_per_address';
    const refusal = this.#admission.admit(slot);
    if (refusal === undefined) this.#enter(slot);
    return refusal;
  }

  /** See Admission. */
  reserve(address: string): ConnectionSlot | GateRefusal {
    if (this.#isFull(address)) return 'listener_connections_per_address';
    const slot = this.#admission.reserve(address);
    if (slot instanceof ConnectionSlot) this.#enter(slot);
    return slot;
  }

  /** A client was refused. */
  refused(reason: ConnectionRefusal): void {
    this.#counts.refused++;
    this.#shared.counters.connectionsRefused[reason]++;
  }

  opened(connection: SocketConnection): void {
    this.#counts.opened++;
    this.#shared.opened(connection);
  }

  /** See SharedTransport. */
  ended(connection: SocketConnection, cut: ConnectionEnd): void {
    this.#counts.closed++;
    this.#shared.ended(connection, cut);
  }

  #isFull(address: string): boolean {
    return (this.#byAddress.get(address) ?? 0) >= this.#maxPerAddress;
  }

  #enter(slot: ConnectionSlot): void {
    if (this.#maxPerAddress === Infinity) return;
    const { address } = slot;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
    slot.onRelease = () => this.#leave(address);
  }

  #leave(address: string): void {
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}
