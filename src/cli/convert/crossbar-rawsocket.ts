import { fileIn } from './crossbar-files.js';
import { methodsOf, type NodePrincipals } from './crossbar-principals.js';
import type { Section } from './report.js';

type Fields = Readonly<Record<string, unknown>>;

const SERIALIZERS = ['json', 'msgpack', 'cbor'];

/**
 * An entry of `listeners`, or undefined: the transport was left out, with a note. A node has the same principals at each
 * listener, so only those of the WebSocket can be admitted, by all of their methods or by some.
 */
export function convertRawSocket(raw: Section, node: NodePrincipals, folder: string): Fields | undefined {
  const methods = methodsOf(raw, node, raw.has('auth'));
  if (methods === undefined) return undefined;
  const endpoint = raw.section('endpoint');
  const place = endpoint && convertEndpoint(endpoint, folder);
  const serializers = convertSerializers(raw);
  if (place === undefined || serializers === undefined) {
    raw.report.left(raw.path, 'was left out: write it as an entry of listeners by hand', raw.has('auth'));
    return undefined;
  }
  raw.leave('a bound counts for all listeners: limits.maxMessageBytes', 'options', 'max_message_size');
  raw.leave('the node logs by itself', 'debug');
  raw.end();
  return { type: 'rawsocket', ...place, ...serializers, ...methods };
}

function convertEndpoint(endpoint: Section, folder: string): Fields | undefined {
  const type = endpoint.text('type') ?? 'tcp';
  endpoint.leave('the operating system and the node decide', 'backlog', 'shared', 'user_timeout');
  if (type === 'unix') {
    const path = endpoint.text('path');
    endpoint.end();
    // Crossbar.io leaves the mode to the umask, which mostly lets only the owner connect.
    return path === undefined ? undefined : { path: fileIn(folder, path), mode: '0600' };
  }
  const host = endpoint.text('interface') ?? (endpoint.take('version') === 6 ? '::' : '0.0.0.0');
  const port = endpoint.take('port');
  endpoint.take('version');
  const tls = endpoint.section('tls');
  const secured = tls && convertTls(tls, folder);
  endpoint.end();
  const isPort = typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= 65_535;
  if (!isPort) endpoint.report.note(endpoint.at('port'), 'is no number');
  if (type !== 'tcp' || !isPort || (tls !== undefined && secured === undefined)) return undefined;
  return { host, port, ...(secured && { tls: secured }) };
}

/** A RawSocket listener verifies client certificates by itself, as Crossbar.io does. */
function convertTls(tls: Section, folder: string): Fields | undefined {
  const [certificate, key] = [tls.text('certificate'), tls.text('key')];
  const [authority, ...more] = tls.list('ca_certificates').map(String);
  tls.leaveSecurity('intermediate certificates belong into the file of tls.certFile', 'chain_certificates');
  tls.leaveSecurity('the library of the node chooses', 'ciphers');
  tls.leave('the library of the node chooses', 'dhparam', 'hostname');
  tls.end(true);
  if (certificate === undefined || key === undefined) {
    tls.report.security(tls.path, 'has no certificate and key');
    return undefined;
  }
  if (more.length > 0) {
    tls.report.security(tls.at('ca_certificates'), 'belong into one file: clientCaFile');
    return undefined;
  }
  return {
    certFile: fileIn(folder, certificate),
    keyFile: fileIn(folder, key),
    ...(authority !== undefined && { clientCaFile: fileIn(folder, authority), requireClientCertificate: true }),
  };
}

/** Undefined: none of them exists here. */
function convertSerializers(raw: Section): Fields | undefined {
  if (!raw.has('serializers')) return {};
  const given = raw.list('serializers');
  const serializers = SERIALIZERS.filter((id) => given.includes(id));
  for (const id of given)
    if (!SERIALIZERS.includes(String(id))) raw.report.note(raw.at('serializers'), `${String(id)} is not supported`);
  return serializers.length > 0 ? { serializers } : undefined;
}
