import { fileIn } from './crossbar-files.js';
import type { FoundSocket } from './crossbar-ports.js';
import type { Section } from './report.js';

type Fields = Record<string, unknown>;

export interface ConvertedTransport {
  readonly listen: Fields;
  readonly limits: Fields;
  readonly auth: Section | undefined;
  /** PEM files of the authorities of client certificates. */
  readonly clientAuthorities: readonly string[];
}

const SERIALIZERS = ['json', 'msgpack', 'cbor'];

/** `folder`: of the foreign configuration, to which its files are relative. */
export function convertSocket(
  { socket, urlPath }: FoundSocket,
  endpoint: Section | undefined,
  folder: string,
): ConvertedTransport {
  const { clientAuthorities, ...place } = endpoint === undefined ? NO_PLACE : convertEndpoint(endpoint, folder);
  const listen: Fields = { ...place, path: urlPath };
  const limits: Fields = {};
  convertSerializers(socket, listen);
  const auth = socket.section('auth');
  const options = socket.section('options');
  if (options !== undefined) convertOptions(options, listen, limits);
  const cookie = socket.section('cookie');
  if (cookie !== undefined) listen['cookie'] = convertCookie(cookie);
  socket.leave('the node derives it from listen', 'url', 'debug', 'show_server_version', 'compress');
  socket.end();
  return { listen, limits, auth, clientAuthorities };
}

interface Place extends Fields {
  readonly clientAuthorities: readonly string[];
}

const NO_PLACE: Place = { clientAuthorities: [] };

/** Host, port and certificate, as far as they are there. */
export function convertEndpoint(endpoint: Section, folder: string): Place {
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
