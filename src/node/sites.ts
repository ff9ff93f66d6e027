import { fileURLToPath } from 'node:url';
import { CONSOLE_PATH } from '../config/checks/console-checks.js';
import type { Config } from '../config/schema.js';
import { pathsOf } from '../transport/paths.js';
import type { SiteOptions } from '../transport/transport-options.js';

/** Nothing inline, nothing from elsewhere, and no text that scripts could turn into markup: the page shows what clients chose. */
const CONSOLE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/** The pages that the router serves, each site with the address that its pages connect to. */
export function sitesOf({ listen, longPoll, realms, demo, console }: Config): readonly SiteOptions[] {
  const settings = {
    path: pathsOf(listen.path)[0],
    ...(longPoll.enabled && { longPoll: longPoll.path }),
    realm: realms[0]?.name ?? 'realm1',
  };
  const made = { '/settings.json': JSON.stringify(settings) };
  const directory = (folder: string): string => fileURLToPath(new URL(`../${folder}/public`, import.meta.url));
  return [
    ...(demo.enabled ? [{ directory: directory('demo'), made }] : []),
    ...(console.enabled ? [{ path: CONSOLE_PATH, policy: CONSOLE_POLICY, directory: directory('console'), made }] : []),
  ];
}
