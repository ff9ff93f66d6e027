import type { z } from 'zod';
import type { CONFIG_SCHEMA } from '../schema.js';

type Parsed = Pick<z.output<typeof CONFIG_SCHEMA>, 'processes' | 'listen' | 'listeners' | 'backplane'>;
type Report = (path: readonly PropertyKey[], message: string) => void;

/** Whether several processes can serve what this configuration wants. */
export function processesFit({ processes, listen, listeners, backplane }: Parsed, report: Report): void {
  if (processes === 1) return;
  if (backplane.url === 'memory')
    report(
      ['processes'],
      'Several processes meet through Redis: set backplane.url too, for instance redis://127.0.0.1:6379',
    );
  if (listen.port === 0) report(['listen', 'port'], 'Invalid with several processes, which share one port: name it');
  for (const [index, { type, port, path }] of listeners.entries()) {
    if (port === 0)
      report(['listeners', index, 'port'], 'Invalid with several processes, which share one port: name it');
    if (type === 'rawsocket' && path !== undefined)
      report(['listeners', index, 'path'], 'Invalid with several processes: only one can listen at a Unix socket');
  }
}
