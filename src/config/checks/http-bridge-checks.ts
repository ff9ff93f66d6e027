import type { z } from 'zod';
import { withoutSlash } from '../../util/without-slash.js';
import type { httpService } from '../schema/http-bridge-schema.js';
import type { realm } from '../schema/realm-schema.js';
import type { HttpListener } from '../served-paths.js';

type Path = readonly PropertyKey[];
type Report = (path: Path, message: string) => void;
type Service = z.output<typeof httpService>;
type Realm = z.output<typeof realm>;

/**
 * Whether each service has a path of its own at its listeners, which exist as its realm and roles do. `realms`: those without
 * faults; `realmNames`: of all.
 */
export function bridgeIsSound(
  services: readonly Service[],
  realms: readonly Realm[],
  realmNames: ReadonlySet<string>,
  listeners: readonly HttpListener[],
  report: Report,
): void {
  placesAreFree(services, listeners, report);
  for (const [index, service] of services.entries()) {
    const at = ['httpBridge', index];
    const found = realms.find(({ name }) => name === service.realm);
    if (found === undefined) {
      if (!realmNames.has(service.realm)) report([...at, 'realm'], `There is no realm "${service.realm}" under realms`);
      continue;
    }
    if (service.bearer && (found.auth?.jwt ?? []).length === 0)
      report([...at, 'bearer'], `Needs an issuer of tokens: realm "${found.name}" has no auth.jwt`);
    fitsType(service, at, report);
    rolesExist(service, found, at, report);
    keysDiffer(service, at, report);
  }
}

function placesAreFree(services: readonly Service[], listeners: readonly HttpListener[], report: Report): void {
  const pathsAt = new Map(
    listeners.map(({ name, taken }) => [name, new Set(taken.map((one) => withoutSlash(one.path)))]),
  );
  for (const [index, service] of services.entries()) {
    const at = ['httpBridge', index];
    const path = withoutSlash(service.path);
    let isTaken = false;
    for (const [place, name] of service.listeners.entries()) {
      const paths = pathsAt.get(name);
      isTaken ||= paths?.has(path) === true;
      paths?.add(path);
      if (paths === undefined)
        report(
          [...at, 'listeners', place],
          `There is no WebSocket listener "${name}": expected one of ${[...pathsAt.keys()].join(', ')}`,
        );
    }
    if (isTaken) report([...at, 'path'], `Path "${service.path}" is in use: give each service one of its own`);
  }
}

function fitsType({ type, topic, signature, keys, bearer }: Service, at: Path, report: Report): void {
  if (type === 'webhook') {
    if (topic === undefined) report([...at, 'topic'], 'Missing: a webhook publishes to a topic');
    if (keys.length > 0 || bearer) report(at, 'Invalid: a webhook has no keys and takes no tokens; set signature');
    return;
  }
  if (type === 'events' && keys.length > 0)
    report(
      [...at, 'keys'],
      'Invalid: a client of event streams connects again with the same request, and a signature counts once; set bearer',
    );
  if (topic !== undefined) report([...at, 'topic'], 'Invalid: only a webhook has a topic');
  if (signature !== undefined) report([...at, 'signature'], 'Invalid: only a webhook has a signature; set keys');
}

function rolesExist({ role, keys }: Service, { name, roles }: Realm, at: Path, report: Report): void {
  const names = new Set(roles.map((one) => one.name));
  const missing = (wanted: string): string => `Realm "${name}" has no role "${wanted}"`;
  if (!names.has(role)) report([...at, 'role'], missing(role));
  for (const [index, key] of keys.entries()) {
    if (key.role !== undefined && !names.has(key.role)) report([...at, 'keys', index, 'role'], missing(key.role));
  }
}

function keysDiffer({ keys }: Service, at: Path, report: Report): void {
  const seen = new Set<string>();
  for (const [index, { key }] of keys.entries()) {
    if (seen.has(key)) report([...at, 'keys', index, 'key'], `There is another key "${key}"`);
    seen.add(key);
  }
}
