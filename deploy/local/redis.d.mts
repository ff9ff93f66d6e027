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
export function withoutPassword(url: string): string;
