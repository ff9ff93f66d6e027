import { stat } from 'node:fs/promises';
import type { Config } from '../config/schema.js';
import type { HttpRoute } from '../transport/http/exchange.js';
import type { FileAnswers } from '../transport/web/file-answers.js';
import type { RedirectOptions, WebPathOptions } from '../transport/web/options.js';
import { webRoutes } from '../transport/web/routes.js';

type Paths = Config['web']['paths'];

/** The routes of `web.paths` of one listener. `answers`: of all of them. */
export function webPaths(paths: Paths, answers: FileAnswers): readonly HttpRoute[] {
  const options = Object.entries(paths).map(([path, given]): WebPathOptions => {
    if (given.type !== 'redirect') return { ...given, path };
    return { ...given, path, status: String(given.status) as RedirectOptions['status'] };
  });
  return webRoutes(options, answers);
}

/** A directory of `web.paths` cannot be served. Operational. */
export class WebDirectoryError extends Error {
  override readonly name = 'WebDirectoryError';
  readonly code = 'WEB_DIRECTORY';
  readonly setting: string;
  readonly flaw: string;

  constructor(setting: string, flaw: string) {
    super(`${setting}: ${flaw}`);
    this.setting = setting;
    this.flaw = flaw;
  }
}

/** Rejects with a WebDirectoryError when one of the directories is not there. */
export async function checkDirectories({ web, listeners }: Config): Promise<void> {
  await checkPaths('web.paths', web.paths);
  for (const [index, listener] of listeners.entries())
    if (listener.type === 'websocket') await checkPaths(`listeners[${index}].web.paths`, listener.web?.paths ?? {});
}

async function checkPaths(setting: string, paths: Paths): Promise<void> {
  for (const [path, given] of Object.entries(paths)) {
    if (given.type !== 'static') continue;
    const found = await stat(given.directory).catch(() => undefined);
    if (found?.isDirectory() !== true)
      throw new WebDirectoryError(
        `${setting}.${path}`,
        `"${given.directory}" is no directory that the router can read`,
      );
  }
}
