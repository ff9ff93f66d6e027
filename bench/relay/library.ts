import { createRequire } from 'node:module';
import type * as Library from 'uWebSockets.js';

/** In the order in which the router tries them, see src/transport/uws/uws-library.ts: the relay runs on what the router runs on. */
const PACKAGES = ['uWebSockets.js', 'uWebSockets.js-20.69'];

const require = createRequire(import.meta.url);

/** The package of uWebSockets.js that loads with this Node.js, and its version. */
export const { uws, uwsVersion } = load();

function load(): { readonly uws: typeof Library; readonly uwsVersion: string } {
  const causes: unknown[] = [];
  for (const name of PACKAGES) {
    try {
      const uws = require(name) as typeof Library;
      // The manifest is no export of the package.
      const manifest = require.resolve(name).replace(/uws\.js$/, 'package.json');
      return { uws, uwsVersion: (require(manifest) as { version: string }).version };
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new AggregateError(causes, `uWebSockets.js does not load with Node.js ${process.versions.node}`);
}
