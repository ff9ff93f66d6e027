export interface FoundRedis {
  readonly url: string;
  /** Where it came from, for people. */
  readonly origin: string;
  /** At once: for the end of the process. */
  readonly kill: () => void;
  readonly release: () => Promise<void>;
}

export interface Search {
  readonly url?: string;
  readonly prefix: string;
  readonly path?: string;
  readonly usualUrl?: string;
}

export function findRedis(search: Search): Promise<FoundRedis>;

export interface StartedShards extends FoundRedis {
  /** Addresses of the primaries, as `host:port`. */
  readonly nodes: readonly string[];
}

export function startShards(search: { readonly count: number; readonly path?: string }): Promise<StartedShards>;
export function withoutPassword(url: string): string;
