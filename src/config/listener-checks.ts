import type { z } from 'zod';
import type { CONFIG_SCHEMA } from './schema.js';

type Path = readonly PropertyKey[];
type Report = (path: Path, message: string) => void;
type Parsed = z.output<typeof CONFIG_SCHEMA>;
type Listeners = Parsed['listeners'];

interface Place {
  readonly host: string;
  readonly port: number;
  readonly setting: string;
}

/** Whether each listener has one place of its own. `others`: where else this node listens. */
export function listenersAreSound(listeners: Listeners, others: readonly Place[], report: Report): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  const places = [...others];
  for (const [index, listener] of listeners.entries()) {
    const at = ['listeners', index];
    const { name, host, port, path, tls } = listener;
    if ((port === undefined) === (path === undefined)) report(at, 'Invalid: expected either "port" or "path"');
    if (path !== undefined && tls !== undefined) report([...at, 'tls'], 'Invalid: a Unix socket has no TLS');
    if (tls?.requireClientCertificate === true && tls.clientCaFile === undefined)
      report(
        [...at, 'tls', 'requireClientCertificate'],
        'Needs clientCaFile: the authorities of the certificates that count',
      );
    if (name !== undefined && names.has(name)) report([...at, 'name'], `Another listener is called "${name}" too`);
    if (path !== undefined && paths.has(path)) report([...at, 'path'], 'Another listener has this path too');
    if (name !== undefined) names.add(name);
    if (path !== undefined) paths.add(path);
    if (port === undefined || port === 0) continue;
    const place = { host, port, setting: `listeners[${index}].port` };
    const same = places.find((other) => overlap(place, other));
    if (same !== undefined)
      report([...at, 'port'], `Port ${port} is that of ${same.setting} too: give them different ones`);
    places.push(place);
  }
}

function overlap(one: Place, other: Place): boolean {
  const everywhere = ['0.0.0.0', '::'];
  if (one.port !== other.port) return false;
  return one.host === other.host || everywhere.includes(one.host) || everywhere.includes(other.host);
}
