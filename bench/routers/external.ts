import type { Router } from './router.js';

/** A router that somebody else runs: only what its clients see can be measured. */
export function external(url: string, realm: string): Router {
  return {
    name: 'router',
    wire: 'wamp',
    realm,
    version: `unknown, at ${url}`,
    start: () =>
      Promise.resolve({
        url,
        pid: null,
        memory: () => Promise.resolve({ residentBytes: NaN, heapBytes: null }),
        stop: () => Promise.resolve(),
      }),
  };
}
