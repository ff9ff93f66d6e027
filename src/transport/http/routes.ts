import type { HttpRoute } from './exchange.js';

/** Finds the route of a path. O(length of the path). */
export class HttpRoutes {
  readonly #exact = new Map<string, HttpRoute>();
  /** Routes of prefixes, by path without a slash at the end. */
  readonly #prefixes = new Map<string, HttpRoute>();

  /** The later one of two routes with the same path and match counts. */
  constructor(routes: readonly HttpRoute[]) {
    for (const route of routes) {
      if (route.match === 'exact') this.#exact.set(route.path, route);
      else this.#prefixes.set(route.path.replace(/\/+$/, ''), route);
    }
  }

  /** `path`: as in the request line, without query. */
  find(path: string): HttpRoute | undefined {
    const exact = this.#exact.get(path);
    if (exact !== undefined) return exact;
    for (let end = path.length; end >= 0; end = path.lastIndexOf('/', end - 1)) {
      const route = this.#prefixes.get(path.slice(0, end));
      if (route !== undefined || end === 0) return route;
    }
    return undefined;
  }
}
