import type { z } from 'zod';
import { withoutSlash } from '../../util/without-slash.js';
import type { CONFIG_SCHEMA } from '../schema.js';

type Parsed = z.output<typeof CONFIG_SCHEMA>;

export const CONSOLE_PATH = '/console/';

/** Whether the pages of the console are where no WebSocket is. */
export function consoleFits(
  { enabled }: Parsed['console'],
  { path }: Parsed['listen'],
  report: (path: readonly PropertyKey[], message: string) => void,
): void {
  const paths = typeof path === 'string' ? [path] : path;
  const taken = paths.find((one) => `${withoutSlash(one)}/` === CONSOLE_PATH);
  if (enabled && taken !== undefined)
    report(
      ['console', 'enabled'],
      `The console is at ${CONSOLE_PATH}, and so is listen.path: give the WebSocket another`,
    );
}
