import { fileURLToPath } from 'node:url';
import type { Config } from '../config/schema.js';
import { pathsOf } from '../transport/paths.js';
import type { SiteOptions } from '../transport/transport-options.js';

/** The pages of the votes demo, with the address that they connect to. */
export function demoSite({ listen, realms }: Config): SiteOptions {
  return {
    directory: fileURLToPath(new URL('../demo/public', import.meta.url)),
    made: { '/settings.json': JSON.stringify({ path: pathsOf(listen.path)[0], realm: realms[0]?.name ?? 'realm1' }) },
  };
}
