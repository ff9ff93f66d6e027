import type { z } from 'zod';
import { LISTEN_NAME, listenerNames } from '../listener-places.js';
import type { CONFIG_SCHEMA } from '../schema.js';

type Path = readonly PropertyKey[];
type Report = (path: Path, message: string) => void;
type Parsed = z.output<typeof CONFIG_SCHEMA>;
type Listeners = Parsed['listeners'];
type RawListener = Extract<Listeners[number], { type: 'rawsocket' }>;

interface Place {
  readonly host: string;
  readonly port: number;
  readonly setting: string;
}

/** Whether each listener has one place and one name of its own. `others`: where else this node listens. */
export function listenersAreSound(listeners: Listeners, others: readonly Place[], report: Report): void {
  const paths = new Set<string>();
  const places = [...others];
  namesAreUnique(listeners, report);
  for (const [index, listener] of listeners.entries()) {
    const at = ['listeners', index];
    if (listener.type === 'rawsocket') rawListenerIsSound(listener, paths, at, report);
    const { host, port } = listener;
    if (port === undefined || port === 0) continue;
    const place = { host, port, setting: `listeners[${index}].port` };
    const same = places.find((other) => overlap(place, other));
    if (same !== undefined)
      report([...at, 'port'], `Port ${port} is that of ${same.setting} too: give them different ones`);
    places.push(place);
  }
}

/** `paths`: those of the listeners before it. */
function rawListenerIsSound(
  { port, path, tls, proxyProtocol }: RawListener,
  paths: Set<string>,
  at: Path,
  report: Report,
): void {
  if ((port === undefined) === (path === undefined)) report(at, 'Invalid: expected either "port" or "path"');
  if (path !== undefined && tls !== undefined) report([...at, 'tls'], 'Invalid: a Unix socket has no TLS');
  if (tls?.requireClientCertificate === true && tls.clientCaFile === undefined)
    report(
      [...at, 'tls', 'requireClientCertificate'],
      'Needs clientCaFile: the authorities of the certificates that count',
    );
  if (path === undefined) return;
  if (proxyProtocol !== undefined)
    report([...at, 'proxyProtocol'], 'Invalid: clients of a Unix socket have no address that could be trusted');
  if (paths.has(path)) report([...at, 'path'], 'Another listener has this path too');
  paths.add(path);
}

/** `tree`: as written. Names the remedy where a WebSocket listener is to read PROXY headers. */
export function proxyProtocolFits(tree: Readonly<Record<string, unknown>>, report: Report): void {
  const { listen, listeners } = tree;
  const list: readonly unknown[] = Array.isArray(listeners) ? listeners : [];
  const places = [[['listen'], listen] as const, ...list.map((one, index) => [['listeners', index], one] as const)];
  for (const [at, rules] of places) {
    if (typeof rules !== 'object' || rules === null || !('proxyProtocol' in rules)) continue;
    if ('type' in rules && rules.type === 'rawsocket') continue;
    report(
      [...at, 'proxyProtocol'],
      'Invalid: only RawSocket listeners read PROXY headers. A proxy of WebSockets sends X-Forwarded-For: set trustProxyHeader and trustedProxies',
    );
  }
}

/** Names must differ, also when the place of one listener and the configuration of another give the same name. */
function namesAreUnique(listeners: Listeners, report: Report): void {
  const names = [LISTEN_NAME, ...listenerNames(listeners)];
  for (const [index, { name }] of listeners.entries()) {
    const isTaken = names.some((other, at) => at !== index + 1 && other === name);
    if (isTaken) report(['listeners', index, 'name'], `Another listener is called "${name ?? ''}" too`);
  }
}

function overlap(one: Place, other: Place): boolean {
  const everywhere = ['0.0.0.0', '::'];
  if (one.port !== other.port) return false;
  return one.host === other.host || everywhere.includes(one.host) || everywhere.includes(other.host);
}
