import { withoutSlash } from '../../util/without-slash.js';
import type { HttpRoute } from './exchange.js';

interface Prefix {
  /** Without a slash at the end. */
  readonly path: string;
  readonly route: HttpRoute;
}

/** Finds the route of a path. */
export class HttpRoutes {
  readonly #exact = new Map<string, HttpRoute>();
  /** The longest first. */
  readonly #prefixes: readonly Prefix[];

  /** The later one of two routes with the same path and match counts. */
  constructor(routes: readonly HttpRoute[]) {
    const prefixes = new Map<string, HttpRoute>();
    for (const route of routes) {
      if (route.match === 'exact') this.#exact.set(route.path, route);
      else prefixes.set(withoutSlash(route.path), route);
    }
    this.#prefixes = [...prefixes]
      .map(([path, route]) => ({ path, route }))
      .sort((one, other) => other.path.length - one.path.length);
  }

  /** `path`: as in the request line, without query. O(bytes of the path and of all routes), because clients choose the path. */
  find(path: string): HttpRoute | undefined {
    return this.#exact.get(path) ?? this.#prefixes.find((prefix) => isWithin(path, prefix.path))?.route;
  }
}

function isWithin(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
}
