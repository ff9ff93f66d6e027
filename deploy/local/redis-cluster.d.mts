/** A server in cluster mode on this machine. */
export interface ClusterServer {
  readonly port: number;
  command(name: string, ...words: readonly (string | number)[]): Promise<unknown>;
}

export function joinServers(servers: readonly ClusterServer[], primaryCount?: number): Promise<void>;
export function busPortOf(server: ClusterServer): Promise<string>;
export function idOf(server: ClusterServer): Promise<string>;
export function isUsable(server: ClusterServer): Promise<boolean>;
export function knownCount(server: ClusterServer): Promise<number>;
