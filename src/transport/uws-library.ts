import { createRequire } from 'node:module';
import type * as Library from 'uWebSockets.js';
import { limitHeadersByDefault } from './header-limit.js';
import { NativeLibraryError } from './native-library-error.js';

// The only place that loads the library: what it reads from the environment must be there before.
limitHeadersByDefault();

/** uWebSockets.js, loaded once. Importing this throws a NativeLibraryError where it cannot be. */
export const uws = load();

function load(): typeof Library {
  try {
    return createRequire(import.meta.url)('uWebSockets.js') as typeof Library;
  } catch (cause) {
    throw new NativeLibraryError(cause);
  }
}
