import { fileIn } from './crossbar-files.js';
import { convertWebPaths, isWebPath, type FoundWebPath } from './crossbar-web.js';
import { Section } from './report.js';

type Fields = Record<string, unknown>;

/** The WebSocket of a transport, and what stands around it. */
export interface FoundTransport {
  readonly path: string;
  readonly endpoint: Section | undefined;
  /** The keys of the WebSocket itself: auth, options, serializers. */
  readonly socket: Section;
  readonly urlPaths: readonly string[];
  /** Files, values and redirects that the transport serves beside it. */
  readonly webPaths?: readonly FoundWebPath[];
}

export interface ConvertedTransport {
  readonly listen: Fields;
  readonly limits: Fields;
  readonly auth: Section | undefined;
  /** The value of `web.paths`. */
  readonly webPaths: Fields;
  /** PEM files of the authorities of client certificates. */
  readonly clientAuthorities: readonly string[];
}

const SERIALIZERS = ['json', 'msgpack', 'cbor'];
const NOT_A_SOCKET: Readonly<Record<string, string>> = {
  longpoll:
    'long-poll is on by default at the port of listen, at the path in longPoll.path; at another port write longPoll into the entry of listeners by hand',
  publisher: 'write it as an entry of httpBridge by hand',
  caller: 'write it as an entry of httpBridge by hand',
  webhook: 'write it as an entry of httpBridge by hand',
  rawsocket: 'RawSocket needs a port of its own: write it as an entry of listeners by hand',
  mqtt: 'MQTT is not supported',
};

/** The WebSockets of a transport. Everything else in it is reported. */
export function findSockets(transport: Section): readonly FoundTransport[] {
  const type = transport.text('type');
  transport.take('id');
  switch (type) {
    case 'websocket': {
      const endpoint = transport.section('endpoint');
      const url = transport.text('url');
      const path = url !== undefined && URL.canParse(url) ? new URL(url).pathname : '/';
      return [{ path: transport.path, endpoint, socket: transport, urlPaths: [path] }];
    }
    case 'web':
      return socketsOfPaths(transport, transport.section('endpoint'), transport.section('paths'));
    case 'universal': {
      const endpoint = transport.section('endpoint');
      for (const key of ['rawsocket', 'mqtt'])
        if (transport.has(key)) reportLeft(transport.section(key) as Section, NOT_A_SOCKET[key] ?? '');
      const sockets = transport.section('websocket');
      const web = transport.section('web');
      const found = [
        ...(sockets?.keys() ?? []).map((key) => socketAt(sockets as Section, key, endpoint)),
        ...socketsOfPaths(web, endpoint, web?.section('paths')),
      ];
      web?.end();
      transport.end();
      return found;
    }
    default:
      reportLeft(transport, NOT_A_SOCKET[type ?? ''] ?? `a transport of type "${type ?? ''}" is not converted`);
      return [];
  }
}

/** A transport or service with `auth` has principals; one with `paths` may contain such a service. */
function reportLeft(part: Section, reason: string): void {
  part.report.left(part.path, reason, part.has('auth') || part.has('paths'));
}

function socketAt(sockets: Section, key: string, endpoint: Section | undefined): FoundTransport {
  const socket = new Section(sockets.take(key), sockets.at(key), sockets.report);
  socket.take('type');
  return { path: socket.path, endpoint, socket, urlPaths: [`/${key.replace(/^\/+/, '')}`] };
}

function socketsOfPaths(
  web: Section | undefined,
  endpoint: Section | undefined,
  paths: Section | undefined,
): readonly FoundTransport[] {
  const webPaths: FoundWebPath[] = [];
  const found = (paths?.keys() ?? []).flatMap((key): FoundTransport[] => {
    const service = new Section(paths?.take(key), `${paths?.path ?? ''}.${key}`, (paths as Section).report);
    const type = service.text('type');
    const urlPath = key === '/' ? '/' : `/${key}`;
    if (type === 'websocket') return [{ path: service.path, endpoint, socket: service, urlPaths: [urlPath], webPaths }];
    if (isWebPath(type)) {
      webPaths.push({ path: urlPath, type, service });
      return [];
    }
    reportLeft(service, NOT_A_SOCKET[type ?? ''] ?? `a web service of type "${type ?? ''}" is not converted`);
    return [];
  });
  if (found.length === 0)
    for (const { service } of webPaths) reportLeft(service, 'only files beside a WebSocket are converted');
  web?.leave('is not converted', 'options', 'cookie_store', 'max_connections');
  web?.end();
  return found;
}

/** `folder`: of the foreign configuration, to which its files are relative. */
export function convertSocket(
  { endpoint, socket, urlPaths, webPaths = [] }: FoundTransport,
  folder: string,
): ConvertedTransport {
  const { clientAuthorities, ...place } = endpoint === undefined ? NO_PLACE : convertEndpoint(endpoint, folder);
  const listen: Fields = { ...place, path: urlPaths[0] };
  const limits: Fields = {};
  convertSerializers(socket, listen);
  const auth = socket.section('auth');
  const options = socket.section('options');
  if (options !== undefined) convertOptions(options, listen, limits);
  const cookie = socket.section('cookie');
  if (cookie !== undefined) listen['cookie'] = convertCookie(cookie);
  socket.leave('the node derives it from listen', 'url', 'debug', 'show_server_version', 'compress');
  socket.end();
  return { listen, limits, auth, webPaths: convertWebPaths(webPaths, folder), clientAuthorities };
}

interface Place extends Fields {
  readonly clientAuthorities: readonly string[];
}

const NO_PLACE: Place = { clientAuthorities: [] };

function convertEndpoint(endpoint: Section, folder: string): Place {
  const type = endpoint.text('type') ?? 'tcp';
  const isSix = endpoint.take('version') === 6;
  const host = endpoint.text('interface') ?? (isSix ? '::' : '0.0.0.0');
  const port = endpoint.take('port');
  endpoint.leave('the operating system and the node decide', 'backlog', 'shared', 'user_timeout');
  const tls = endpoint.section('tls');
  if (type !== 'tcp') {
    endpoint.report.security(endpoint.path, `type "${type}" is not converted: the node listens on 127.0.0.1`);
    endpoint.take('path');
    return { ...NO_PLACE, host: '127.0.0.1' };
  }
  endpoint.end();
  const isPort = typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535;
  if (!isPort) endpoint.report.note(endpoint.at('port'), 'is no number: set listen.port, or GANTRY_LISTEN_PORT');
  const secured = tls === undefined ? NO_PLACE : convertTls(tls, folder);
  return { host, ...(isPort && { port }), ...secured };
}

function convertTls(tls: Section, folder: string): Place {
  const certificate = tls.text('certificate');
  const key = tls.text('key');
  const authorities = tls.list('ca_certificates').filter((file) => typeof file === 'string');
  if (tls.has('ca_certificates'))
    tls.report.security(
      tls.at('ca_certificates'),
      'a proxy has to end TLS and verify the certificates of clients: listen.clientCertificate',
    );
  const clientAuthorities = authorities.map((file) => fileIn(folder, file));
  tls.leaveSecurity('intermediate certificates belong into the file of listen.tls.certFile', 'chain_certificates');
  tls.leaveSecurity('the library of the node chooses', 'ciphers');
  tls.leave('the library of the node chooses', 'dhparam', 'hostname');
  tls.end(true);
  if (certificate === undefined || key === undefined) {
    tls.report.security(tls.path, 'has no certificate and key: the node serves WITHOUT TLS until listen.tls is set');
    return { clientAuthorities };
  }
  return { clientAuthorities, tls: { certFile: fileIn(folder, certificate), keyFile: fileIn(folder, key) } };
}

function convertSerializers(socket: Section, listen: Fields): void {
  if (!socket.has('serializers')) return;
  const given = socket.list('serializers');
  const kept = SERIALIZERS.filter((id) => given.includes(id));
  for (const id of given)
    if (!kept.includes(String(id))) socket.report.note(socket.at('serializers'), `${String(id)} is not supported`);
  if (kept.length > 0) listen['serializers'] = kept;
}

const ORIGIN = /^(\*|null|[a-z][a-z0-9+.-]*:\/\/(\*\.)?[^/\s*?#:]+(:(\d+|\*))?)$/i;

function convertOptions(options: Section, listen: Fields, limits: Fields): void {
  if (options.has('allowed_origins')) listen['allowedOrigins'] = convertOrigins(options);
  if (options.flag('require_websocket_subprotocol') === false) listen['requireSubprotocol'] = false;
  const size = options.count('max_message_size');
  if (size !== undefined && size > 0) limits['maxMessageBytes'] = size;
  const interval = options.count('auto_ping_interval');
  const timeout = options.count('auto_ping_timeout');
  // A node sends pings well before this time.
  if (interval !== undefined && interval > 0)
    limits['idleTimeoutMs'] = Math.max(8_000, interval + (timeout ?? interval));
  const handshake = options.count('open_handshake_timeout');
  if (handshake !== undefined && handshake > 0) limits['handshakeTimeoutMs'] = handshake;
  const compression = options.section('compression');
  if (compression?.section('deflate') !== undefined) listen['compression'] = 'shared';
  compression?.end();
  options.leaveSecurity('pages with the origin "null" have to stand in listen.allowedOrigins', 'allow_null_origin');
  options.leave('a node answers a request that is no WebSocket with one sentence', 'enable_webstatus');
  options.leave(
    'the node behaves by the specification',
    ...['validate_utf8', 'mask_server_frames', 'require_masked_client_frames', 'apply_mask', 'fail_by_drop'],
    ...['echo_close_codereason', 'tcp_nodelay', 'auto_ping_size', 'auto_fragment_size', 'close_handshake_timeout'],
    ...['max_frame_size', 'external_port', 'versions', 'auto_ping_restart_on_any_traffic'],
  );
  options.end();
}

function convertOrigins(options: Section): readonly string[] {
  const given = options.list('allowed_origins').map((one) => String(one).replace(/\/$/, ''));
  const kept = given.filter((one) => ORIGIN.test(one));
  for (const one of given)
    if (!kept.includes(one))
      options.report.security(options.at('allowed_origins'), `"${one}" has no counterpart: left out`);
  return [...new Set(kept)];
}

function convertCookie(cookie: Section): Fields {
  const name = cookie.text('name');
  const age = cookie.count('max_age');
  const site = cookie.text('same_site')?.toLowerCase();
  const secure = cookie.flag('secure');
  cookie.leave('the node keeps cookies on all nodes together, and they are HttpOnly', 'store', 'length', 'http_strict');
  cookie.end(true);
  const isName = name !== undefined && /^[A-Za-z0-9_-]{1,64}$/.test(name);
  if (name !== undefined && !isName)
    cookie.report.note(cookie.at('name'), 'is not possible: the cookie is called gantry');
  return {
    ...(isName && { name }),
    ...(site !== undefined && ['lax', 'strict', 'none'].includes(site) && { sameSite: site }),
    ...(secure !== undefined && { secure }),
    ...(age !== undefined && { maxAgeSeconds: Math.min(Math.max(age, 60), 31_536_000) }),
  };
}
