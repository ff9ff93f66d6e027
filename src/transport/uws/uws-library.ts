import { createRequire } from 'node:module';
import type * as Library from 'uWebSockets.js';
import { limitHeadersByDefault } from '../opening/header-limit.js';
import { NativeLibraryError } from '../native-library-error.js';

interface Package {
  readonly name: string;
  /** Whether `endWithoutBody` can close the connection. Where it cannot, `tryEnd` without a body leaves the answer open. */
  readonly closesWithoutBody: boolean;
}

/**
 * The packages of uWebSockets.js in the order they are tried: no version has binaries for every supported Node.js (ADR 7).
 * The oldest comes first, because a newer one would take the binary that the oldest installs for Node.js 20. The types are
 * those of the oldest as well, so that the router uses nothing that one of them lacks.
 */
const PACKAGES: readonly Package[] = [
  { name: 'uWebSockets.js', closesWithoutBody: false },
  { name: 'uWebSockets.js-20.69', closesWithoutBody: true },
];

// The library reads its limit from the environment while it loads, and this is the only file that loads it.
limitHeadersByDefault();

/** uWebSockets.js, loaded once. The import of this file throws a NativeLibraryError where no package loads. */
export const { uws, closesWithoutBody } = load();

function load(): { readonly uws: typeof Library; readonly closesWithoutBody: boolean } {
  const require = createRequire(import.meta.url);
  const causes: unknown[] = [];
  for (const { name, closesWithoutBody } of PACKAGES) {
    try {
      return { uws: require(name) as typeof Library, closesWithoutBody };
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new NativeLibraryError(causes);
}
