import type { FoundService } from './crossbar-longpoll.js';
import { isWebPath, type FoundWebPath } from './crossbar-web.js';
import { Section } from './report.js';

/** A WebSocket of a transport. */
export interface FoundSocket {
  readonly path: string;
  /** The keys of the WebSocket itself: auth, options, serializers. */
  readonly socket: Section;
  readonly urlPath: string;
}

/** A transport: one port, its WebSockets, and what HTTP clients find beside them. */
export interface FoundPort {
  readonly path: string;
  readonly endpoint: Section | undefined;
  readonly sockets: readonly FoundSocket[];
  /** Files, values and redirects. */
  readonly webPaths: readonly FoundWebPath[];
  readonly longPolls: readonly FoundService[];
}

interface FoundPaths {
  readonly sockets: FoundSocket[];
  readonly webPaths: FoundWebPath[];
  readonly longPolls: FoundService[];
}

const BY_HAND = 'write it as an entry of httpBridge by hand';
const NOT_CONVERTED: Readonly<Record<string, string>> = {
  publisher: BY_HAND,
  caller: BY_HAND,
  webhook: BY_HAND,
  rawsocket: 'RawSocket needs a port of its own: write it as an entry of listeners by hand',
  mqtt: 'MQTT is not supported',
};

/** The services of a transport. Undefined: none that could be converted. Everything else in it is reported. */
export function findPort(transport: Section): FoundPort | undefined {
  const type = transport.text('type');
  transport.take('id');
  const { path } = transport;
  switch (type) {
    case 'websocket': {
      const endpoint = transport.section('endpoint');
      const url = transport.text('url');
      const urlPath = url !== undefined && URL.canParse(url) ? new URL(url).pathname : '/';
      return { path, endpoint, sockets: [{ path, socket: transport, urlPath }], webPaths: [], longPolls: [] };
    }
    case 'web': {
      const endpoint = transport.section('endpoint');
      return { path, endpoint, ...servicesIn(transport) };
    }
    case 'universal':
      return universalPort(transport);
    default:
      reportLeft(transport, NOT_CONVERTED[type ?? ''] ?? `a transport of type "${type ?? ''}" is not converted`);
      return undefined;
  }
}

function universalPort(transport: Section): FoundPort {
  const endpoint = transport.section('endpoint');
  for (const key of ['rawsocket', 'mqtt'])
    if (transport.has(key)) reportLeft(transport.section(key) as Section, NOT_CONVERTED[key] ?? '');
  const sockets = transport.section('websocket');
  const own = (sockets?.keys() ?? []).map((key) => socketAt(sockets as Section, key));
  const { sockets: more, webPaths, longPolls } = servicesIn(transport.section('web'));
  transport.end();
  return { path: transport.path, endpoint, sockets: [...own, ...more], webPaths, longPolls };
}

/** A transport or service with `auth` has principals; one with `paths` may contain such a service. */
function reportLeft(part: Section, reason: string): void {
  part.report.left(part.path, reason, part.has('auth') || part.has('paths'));
}

function socketAt(sockets: Section, key: string): FoundSocket {
  const socket = new Section(sockets.take(key), sockets.at(key), sockets.report);
  socket.take('type');
  return { path: socket.path, socket, urlPath: `/${key.replace(/^\/+/, '')}` };
}

/** `web`: a part with `paths`. */
function servicesIn(web: Section | undefined): FoundPaths {
  const found: FoundPaths = { sockets: [], webPaths: [], longPolls: [] };
  const paths = web?.section('paths');
  for (const key of paths?.keys() ?? []) addService(paths as Section, key, found);
  web?.leave('is not converted', 'options', 'cookie_store', 'max_connections');
  web?.end();
  return found;
}

function addService(paths: Section, key: string, { sockets, webPaths, longPolls }: FoundPaths): void {
  const service = new Section(paths.take(key), paths.at(key), paths.report);
  const type = service.text('type');
  const path = key === '/' ? '/' : `/${key}`;
  if (type === 'websocket') sockets.push({ path: service.path, socket: service, urlPath: path });
  else if (type === 'longpoll') longPolls.push({ path, service });
  else if (isWebPath(type)) webPaths.push({ path, type, service });
  else reportLeft(service, NOT_CONVERTED[type ?? ''] ?? `a web service of type "${type ?? ''}" is not converted`);
}
