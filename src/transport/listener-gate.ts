import type { ConnectionEnd, ConnectionRefusal, ListenerCounts } from '../telemetry/counters.js';
import type { Admission, ConnectionSlot, SlotRefusal } from './admission.js';
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
    const { address } = slot;
    const count = this.#byAddress.get(address) ?? 0;
    if (count >= this.#maxPerAddress) return 'listener_connections_per_address';
    const refusal = this.#admission.admit(slot);
    if (refusal !== undefined || this.#maxPerAddress === Infinity) return refusal;
    this.#byAddress.set(address, count + 1);
    slot.onRelease = () => this.#leave(address);
    return undefined;
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

  #leave(address: string): void {
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}
