import type { Config } from '../config/schema.js';
import { version } from '../node/version.js';

/** Addresses of a running node, as URLs. */
export interface Addresses {
  readonly ws: string;
  readonly site?: string;
  readonly console?: string;
  readonly ops?: string;
  /** Addresses of further listeners. */
  readonly listeners: readonly string[];
}

/** The greeting of a process that is ready. It is JSON if the log is JSON, as in a container. */
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
