import { stat } from 'node:fs/promises';
import type { Config } from '../config/schema.js';
import type { Counters } from '../telemetry/counters.js';
import type { HttpRoute } from '../transport/http/exchange.js';
import type { RedirectOptions, WebPathOptions } from '../transport/web/options.js';
import { webRoutes } from '../transport/web/routes.js';

type Web = Config['web'];

/** The routes of `web.paths`. */
export function webPaths({ paths, ...bounds }: Web, counters: Counters): readonly HttpRoute[] {
  const options = Object.entries(paths).map(([path, given]): WebPathOptions => {
    if (given.type !== 'redirect') return { ...given, path };
    return { ...given, path, status: String(given.status) as RedirectOptions['status'] };
  });
  return webRoutes(options, bounds, counters);
}

/** A directory of `web.paths` cannot be served. Operational. */
export class WebDirectoryError extends Error {
  override readonly name = 'WebDirectoryError';
  readonly code = 'WEB_DIRECTORY';
}

/** Rejects with a WebDirectoryError when one of the directories is not there. */
export async function checkDirectories({ paths }: Web): Promise<void> {
  for (const [path, given] of Object.entries(paths)) {
    if (given.type !== 'static') continue;
    const found = await stat(given.directory).catch(() => undefined);
    if (found?.isDirectory() !== true)
      throw new WebDirectoryError(`web.paths.${path}: "${given.directory}" is no directory that the router can read`);
  }
}
