import { knownCertificates } from './client-certificates.js';
import { convertAuth, type ConvertedAuth } from './crossbar-auth.js';
import { convertRealm, type ConvertedRealm } from './crossbar-realms.js';
import { convertRawSocket } from './crossbar-rawsocket.js';
import { convertFurther } from './crossbar-websockets.js';
import { convertSocket, findSockets, type FoundTransport } from './crossbar-transport.js';
import { Report, Section, type Note } from './report.js';

export interface Conversion {
  readonly config: Readonly<Record<string, unknown>>;
  readonly notes: readonly Note[];
}

/**
 * Translates a configuration of a Crossbar.io node. Where the two differ, the result admits less and a note says so.
 * `folder`: of the file, to which its file names are relative.
 */
export function convertCrossbar(input: unknown, folder: string): Conversion {
  const report = new Report();
  const root = new Section(input, '', report);
  root.take('$schema');
  if (root.take('version') !== 2)
    report.security('version', 'is not 2: let `crossbar upgrade` bring the file to this version first');
  root.leave('a node has no controller', 'controller');
  const realms: ConvertedRealm[] = [];
  const sockets: WorkerSocket[] = [];
  const rawSockets: WorkerRawSocket[] = [];
  for (const worker of root.sections('workers')) convertWorker(worker, realms, sockets, rawSockets);
  root.end();
  const { listen, limits, auth, webPaths, further } = convertTransports(sockets, folder, report);
  const listeners = [...further, ...rawSockets.flatMap((raw) => convertRaw(raw, sockets[0], folder) ?? [])];
  const reached = sockets[0]?.realms ?? [];
  for (const { path, name } of realms)
    if (sockets.length > 0 && !reached.some((realm) => realm.name === name))
      report.note(path, `no client may join "${name}": the converted WebSocket belongs to another worker`);
  return {
    config: {
      listen,
      ...(listeners.length > 0 && { listeners }),
      ...(Object.keys(limits).length > 0 && { limits }),
      realms: realms.map((realm) => assembled(realm, reached.includes(realm) ? auth : NOBODY)),
      demo: { enabled: false },
      ...(Object.keys(webPaths).length > 0 && { web: { paths: webPaths } }),
    },
    notes: report.notes,
  };
}

/** A WebSocket, and the realms of its worker: clients of it reach no others. */
interface WorkerSocket extends FoundTransport {
  readonly realms: readonly ConvertedRealm[];
}

interface WorkerRawSocket {
  readonly transport: Section;
  readonly realms: readonly ConvertedRealm[];
}

function convertWorker(
  worker: Section,
  realms: ConvertedRealm[],
  sockets: WorkerSocket[],
  rawSockets: WorkerRawSocket[],
): void {
  const type = worker.text('type');
  worker.take('id');
  if (type !== 'router') {
    // A worker of type `proxy` has transports, and with them principals.
    worker.report.left(
      worker.path,
      `a worker of type "${type ?? ''}" is not converted: run it as a service of its own`,
      worker.has('transports'),
    );
    return;
  }
  const own: ConvertedRealm[] = [];
  for (const section of worker.sections('realms')) {
    const realm = convertRealm(section);
    if (realm === undefined) continue;
    if ([...realms, ...own].some(({ name }) => name === realm.name))
      worker.report.security(realm.path, `the realm "${realm.name}" is there twice: only the first was converted`);
    else own.push(realm);
  }
  realms.push(...own);
  for (const transport of worker.sections('transports'))
    if (transport.text('type') === 'rawsocket') rawSockets.push({ transport, realms: own });
    else sockets.push(...findSockets(transport).map((found) => ({ ...found, realms: own })));
  worker.leave('run components as services of their own, as clients', 'components');
  worker.leave('nodes that share a Redis are one router: backplane.url', 'rlinks', 'connections');
  worker.leave('a node is one process: set it where the process is started', 'options', 'manhole');
  worker.end();
}

/** A listener admits to the realms of the node: those of the first WebSocket's worker. */
function convertRaw(
  { transport, realms }: WorkerRawSocket,
  first: WorkerSocket | undefined,
  folder: string,
): object | undefined {
  transport.take('id');
  if (first?.realms === realms)
    return convertRawSocket(transport, { path: first.path, auth: first.socket.take('auth') }, folder);
  const why = first === undefined ? 'is only converted beside a WebSocket' : 'belongs to another worker';
  transport.report.left(transport.path, `RawSocket ${why} and was left out`, transport.has('auth'));
  return undefined;
}

function convertTransports(
  sockets: readonly WorkerSocket[],
  folder: string,
  report: Report,
): { listen: object; limits: object; auth: ConvertedAuth; webPaths: object; further: readonly object[] } {
  const [first, ...others] = sockets;
  if (first === undefined) {
    report.security(
      'workers',
      'have no WebSocket transport: the node listens on 127.0.0.1 and refuses anonymous clients',
    );
    return { listen: { host: '127.0.0.1' }, limits: {}, auth: NOBODY, webPaths: {}, further: [] };
  }
  const { listen, limits, auth, webPaths, clientAuthorities } = convertSocket(first, folder);
  const converted = convertAuth(auth, first.realms, knownCertificates(clientAuthorities));
  const { hasCookie, hasCertificates } = converted;
  if (hasCertificates) report.security(`${first.path}.auth.tls`, NO_PROXY_YET);
  const near = others.filter(({ realms }) => realms === first.realms);
  for (const { path } of others.filter((other) => !near.includes(other)))
    report.security(path, `belongs to another worker than ${first.path}: it and its principals are left out`);
  const { paths, listeners } = convertFurther(near, { found: first, converted: { listen, limits } }, folder);
  const cookie = hasCookie ? { cookie: {} } : {};
  const all = paths.length === 0 ? {} : { path: [...new Set([listen['path'], ...paths])] };
  return {
    listen: { ...cookie, ...listen, ...all, ...(hasCertificates && BEHIND_NO_PROXY_YET) },
    limits,
    auth: converted,
    webPaths,
    further: listeners.map((listener) => ('authMethods' in listener ? listener : { ...cookie, ...listener })),
  };
}

const NOBODY: ConvertedAuth = {
  anonymousRoleFor: () => null,
  fieldsFor: () => undefined,
  hasCookie: false,
  hasCertificates: false,
};

/** Certificates come from proxies, and the foreign configuration has none. */
const BEHIND_NO_PROXY_YET = {
  trustProxyHeader: 'x-forwarded-for',
  trustedProxies: [],
  clientCertificate: { header: 'x-client-cert', format: 'der' },
};
const NO_PROXY_YET =
  'over WebSocket nobody logs in by certificate until a proxy verifies it and passes it on: put its address into listen.trustedProxies, and see docs/authentication.md';

function assembled({ name, roles, uriCheck, history }: ConvertedRealm, auth: ConvertedAuth): object {
  const fields = auth.fieldsFor({ path: '', name, roles });
  return {
    name,
    ...(uriCheck !== undefined && { uriCheck }),
    ...(history !== undefined && { history }),
    anonymousRole: auth.anonymousRoleFor({ path: '', name, roles }),
    // A realm of Crossbar.io may have no role but the built-in ones.
    roles: roles.length > 0 ? roles : [{ name: 'nobody', permissions: [] }],
    ...(fields !== undefined && { auth: fields }),
  };
}
