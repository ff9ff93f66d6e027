import type { Config } from '../config/schema.js';
import { version } from '../node/version.js';

/** Where a running node answers, as URLs. */
export interface Addresses {
  readonly ws: string;
  readonly site?: string;
  readonly console?: string;
  readonly ops?: string;
  /** Of further listeners. */
  readonly listeners: readonly string[];
}

/** What a process prints when it is ready. Where each line has to be JSON, as in a container, that is JSON too. */
export function greetingFor({ log, realms }: Config, addresses: Addresses): string {
  return log.format === 'json' ? greetingLine(version(), addresses) : greeting(version(), addresses, realms[0]?.name);
}

/** The same for machines: one line of JSON, like those of the log. */
export function greetingLine(version: string, addresses: Addresses): string {
  return `${JSON.stringify({ level: 'info', time: new Date().toISOString(), event: 'node.ready', version, ...addresses })}\n`;
}

/** The message of a node that is ready: its addresses, and three lines that connect. */
export function greeting(
  version: string,
  { ws, site, console, ops, listeners }: Addresses,
  realm: string | undefined,
): string {
  const lines = [`gantry ${version} is ready`, `  WebSocket   ${ws}`];
  for (const address of listeners)
    lines.push(`  ${address.startsWith('rs') ? 'RawSocket ' : 'WebSocket '}  ${address}`);
  if (site !== undefined) lines.push(`  demo page   ${site}`);
  if (console !== undefined) lines.push(`  console     ${console}`);
  if (ops !== undefined)
    lines.push(`  operations  ${['healthz', 'readyz', 'metrics'].map((page) => new URL(page, ops).href).join('  ')}`);
  lines.push(
    '',
    'connect with autobahn-js, for example:',
    `  const connection = new autobahn.Connection({ url: '${ws}', realm: '${realm ?? 'your.realm'}' });`,
    "  connection.onopen = (session) => session.subscribe('com.example.hello', ([text]) => console.log(text));",
    '  connection.open();',
    '',
  );
  return lines.join('\n');
}
