import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId } from '../../../wamp/ids.js';
import type { ConnectionName, StoreLink, StoreNotice } from '../ports.js';
import type { LoadedScripts } from '../scripts/loader.js';
import type { ServerAddress, StoreAccess } from './client-options.js';
import type { SlotMap } from './slot-map.js';
import type { RightsScope } from './store-rights.js';

/** Each method is called one at a time and must not throw. */
export interface ConnectionsEvents {
  /**
   * In the order in which the store published them. The bytes are never overwritten, but they are a view into a read of up to
   * 64 KiB. A receiver that keeps some of them keeps all of that in memory, and should copy them.
   */
  message(channel: string, bytes: Uint8Array): void;
  /**
   * All three are ready, at the same server, and every wanted channel is confirmed. `isOtherServer`: it is not the process as
   * last time, and may lack the last writes: a replica took over, or the server came back with older data.
   */
  connected(isOtherServer: boolean): void;
  /** The first of the three was lost after `connected`. Its pending requests reject about now. */
  disconnected(which: ConnectionName, cause: Error): void;
}

/** Publishes probes on one channel and waits for them. */
export interface ChannelProber {
  tick(): void;
  received(number: number): void;
  reset(): void;
}

export type MakeProber = (way: {
  /** Publishes a probe with this number. */
  readonly send: (number: number) => void;
  /** A probe did not arrive in time. */
  readonly missed: () => void;
}) => ChannelProber;

export interface ConnectionsOptions {
  readonly node: NodeId;
  readonly access: StoreAccess;
  readonly scripts: LoadedScripts;
  readonly counters: ClusterCounters;
  readonly events: ConnectionsEvents;
  readonly log: (notice: StoreNotice) => void;
  /** The names with which the rights are checked; absent: they are not checked. */
  readonly scope?: RightsScope;
  /** Bytes of the largest message that this node may have to publish; 0: it is not compared with the store's limit. */
  readonly largestBytes?: number;
  /** Bytes that the store buffers for a subscriber; undefined: the store is asked. */
  readonly pubsubBufferBytes?: number | undefined;
  /** A server of a Redis Cluster has refused: the slot is elsewhere, on its way, or without owner. */
  readonly redirected?: (reason: string) => void;
  /** `start` waits for a server that an operator must mend, and does not reject. */
  readonly isLasting?: boolean;
  /** 0..1, spreads the attempts of many nodes to reconnect. */
  readonly random: () => number;
}

/** The connections of a node to one primary. */
export interface ServerConnections extends StoreLink {
  /** One command for the rows of the directory, which no script changes. */
  command(name: string, ...words: readonly (string | number)[]): Promise<unknown>;
}

/** Where the slots of a Redis Cluster are read. */
export interface SlotReader {
  /** Asks one server after the other. Rejects when none replies; with StoreUnusableError when all give the same reply again. */
  read(known: Iterable<ServerAddress>): Promise<SlotMap>;
  /** Asks this server. */
  readFrom(address: ServerAddress): Promise<SlotMap>;
}

/** The servers of a Redis Cluster. */
export interface Servers {
  readonly slots: SlotReader;
  /** To `access.primary`. Nothing is started. */
  connect(options: ConnectionsOptions): ServerConnections;
}
