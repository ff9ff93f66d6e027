import { knownCertificates } from './client-certificates.js';
import { convertAuth, type ConvertedAuth } from './crossbar-auth.js';
import { convertRealm, type ConvertedRealm } from './crossbar-realms.js';
import type { FoundService } from './crossbar-longpoll.js';
import { findPort, type FoundPort, type FoundSocket } from './crossbar-ports.js';
import type { NodePrincipals } from './crossbar-principals.js';
import { convertRawSocket } from './crossbar-rawsocket.js';
import { convertServices, listenerWithServices } from './crossbar-services.js';
import { convertSocket } from './crossbar-transport.js';
import { convertFurtherPaths, convertFurtherPort, type FirstSocket } from './crossbar-websockets.js';
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
  const ports: WorkerPort[] = [];
  const rawSockets: WorkerRawSocket[] = [];
  for (const worker of root.sections('workers')) convertWorker(worker, realms, ports, rawSockets);
  root.end();
  const first = firstOf(ports);
  const { listen, limits, auth, services, further } = convertTransports(ports, first, folder, report);
  const listeners = [...further, ...rawSockets.flatMap((raw) => convertRaw(raw, first, folder) ?? [])];
  const reached = first?.port.realms ?? [];
  for (const { path, name } of realms)
    if (first !== undefined && !reached.some((realm) => realm.name === name))
      report.note(path, `no client may join "${name}": the converted WebSocket belongs to another worker`);
  return {
    config: {
      listen,
      ...(listeners.length > 0 && { listeners }),
      ...(Object.keys(limits).length > 0 && { limits }),
      realms: realms.map((realm) => assembled(realm, reached.includes(realm) ? auth : NOBODY)),
      demo: { enabled: false },
      ...services,
    },
    notes: report.notes,
  };
}

/** A port, and the realms of its worker: clients of it reach no others. */
interface WorkerPort extends FoundPort {
  readonly realms: readonly ConvertedRealm[];
}

/** The first WebSocket, which becomes `listen`. */
interface First {
  readonly port: WorkerPort;
  readonly found: FoundSocket;
}

function firstOf(ports: readonly WorkerPort[]): First | undefined {
  for (const port of ports) {
    const [found] = port.sockets;
    if (found !== undefined) return { port, found };
  }
  return undefined;
}

interface WorkerRawSocket {
  readonly transport: Section;
  readonly realms: readonly ConvertedRealm[];
}

function convertWorker(
  worker: Section,
  realms: ConvertedRealm[],
  ports: WorkerPort[],
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
    else {
      const port = findPort(transport);
      if (port !== undefined) ports.push({ ...port, realms: own });
    }
  worker.leave('run components as services of their own, as clients', 'components');
  worker.leave('nodes that share a Redis are one router: backplane.url', 'rlinks', 'connections');
  worker.leave('a node is one process: set it where the process is started', 'options', 'manhole');
  worker.end();
}

/** A listener admits to the realms of the node: those of the first WebSocket's worker. */
function convertRaw(
  { transport, realms }: WorkerRawSocket,
  first: First | undefined,
  folder: string,
): object | undefined {
  transport.take('id');
  if (first?.port.realms === realms) return convertRawSocket(transport, principalsOf(first.found), folder);
  const why = first === undefined ? 'is only converted beside a WebSocket' : 'belongs to another worker';
  transport.report.left(transport.path, `RawSocket ${why} and was left out`, transport.has('auth'));
  return undefined;
}

function principalsOf({ path, socket }: FoundSocket): NodePrincipals {
  return { path, auth: socket.take('auth') };
}

interface ConvertedTransports {
  readonly listen: object;
  readonly limits: object;
  readonly auth: ConvertedAuth;
  /** `longPoll` and `web` of `listen`. */
  readonly services: object;
  readonly further: readonly object[];
}

function convertTransports(
  ports: readonly WorkerPort[],
  first: First | undefined,
  folder: string,
  report: Report,
): ConvertedTransports {
  if (first === undefined) {
    report.security(
      'workers',
      'have no WebSocket transport: the node listens on 127.0.0.1 and refuses anonymous clients',
    );
    for (const { webPaths, longPolls } of ports)
      reportServices([...longPolls, ...webPaths], 'only what stands beside a WebSocket is converted');
    return { listen: { host: '127.0.0.1' }, limits: {}, auth: NOBODY, services: {}, further: [] };
  }
  const { port, found } = first;
  const { listen, limits, auth, clientAuthorities } = convertSocket(found, port.endpoint, folder);
  const converted = convertAuth(auth, port.realms, knownCertificates(clientAuthorities));
  const { hasCookie, hasCertificates } = converted;
  if (hasCertificates) report.security(`${found.path}.auth.tls`, NO_PROXY_YET);
  const cookie = hasCookie ? { cookie: {} } : {};
  const one = { found, converted: { listen, limits } };
  const paths = convertFurtherPaths(port.sockets.slice(1), one, folder);
  const all = paths.length === 0 ? {} : { path: [...new Set([listen['path'], ...paths])] };
  // The node would have long-poll where the foreign one has none.
  const services = { longPoll: { enabled: false }, ...convertServices(port, folder) };
  const listeners = convertPorts(ports, port, one, folder);
  return {
    listen: { ...cookie, ...listen, ...all, ...(hasCertificates && BEHIND_NO_PROXY_YET) },
    limits,
    auth: converted,
    services,
    further: listeners.map((listener) => ('authMethods' in listener ? listener : { ...cookie, ...listener })),
  };
}

/** The entries of `listeners` for all ports but the first. */
function convertPorts(
  ports: readonly WorkerPort[],
  first: WorkerPort,
  one: FirstSocket,
  folder: string,
): readonly object[] {
  return ports.flatMap((port): readonly object[] => {
    const { sockets, longPolls, webPaths, realms } = port;
    if (port === first) return [];
    const isOpen = sockets.length === 0 && longPolls.length === 0;
    // Files, values and redirects are for everybody, whatever the realms.
    if (realms === first.realms || isOpen) {
      const further = convertFurtherPort(port, one, folder);
      const listener = listenerWithServices(port, further, principalsOf(one.found), folder);
      return listener === undefined ? [] : [listener];
    }
    for (const { path, socket } of sockets)
      socket.report.security(
        path,
        `belongs to another worker than ${one.found.path}: it and its principals are left out`,
      );
    reportServices([...longPolls, ...webPaths], `belongs to another worker than ${one.found.path} and was left out`);
    return [];
  });
}

function reportServices(services: readonly FoundService[], text: string): void {
  for (const { service } of services) service.report.note(service.path, text);
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
