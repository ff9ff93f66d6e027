import { isDeepStrictEqual } from 'node:util';
import { methodsOf } from './crossbar-principals.js';
import { convertSocket, type ConvertedTransport, type FoundTransport } from './crossbar-transport.js';

type Fields = Readonly<Record<string, unknown>>;

export interface FirstSocket {
  readonly found: FoundTransport;
  readonly converted: Pick<ConvertedTransport, 'listen' | 'limits'>;
}

/** The parts of the configuration that the WebSockets behind the first one become. */
export interface FurtherSockets {
  /** Paths at the port of the first. */
  readonly paths: readonly unknown[];
  /** Entries of `listeners`. */
  readonly listeners: readonly Fields[];
}

/** Settings that all paths of one port share. */
const SHARED = ['serializers', 'allowedOrigins', 'requireSubprotocol', 'compression', 'cookie'];

/** Those that are left out are reported: they decide who may connect. */
export function convertFurther(others: readonly FoundTransport[], first: FirstSocket, folder: string): FurtherSockets {
  const paths: unknown[] = [];
  const listeners: Fields[] = [];
  const used = new Set<unknown>();
  for (const other of others) {
    const { path, endpoint, socket } = other;
    if (used.has(endpoint)) {
      socket.report.security(path, 'was left out: write its path into the entry of listeners with this port by hand');
      continue;
    }
    const listener = convertOther(other, first, folder);
    if (listener === undefined) continue;
    if ('type' in listener) {
      listeners.push(listener);
      used.add(endpoint);
    } else paths.push(listener['path']);
  }
  const beside = others.flatMap(({ webPaths }) => (webPaths === first.found.webPaths ? [] : (webPaths ?? [])));
  for (const { service } of new Set(beside))
    service.report.note(
      service.path,
      `only what stands beside ${first.found.path} was converted: write it as web.paths of the entry of listeners by hand`,
    );
  return { paths, listeners };
}

function convertOther(other: FoundTransport, first: FirstSocket, folder: string): Fields | undefined {
  const { socket, path } = other;
  const node = { path: first.found.path, auth: first.found.socket.take('auth') };
  const methods = methodsOf(socket, node, true);
  if (methods === undefined) return undefined;
  const hasOwnPort = other.endpoint !== first.found.endpoint;
  const { endpoint, ...rest } = other;
  const place = hasOwnPort && endpoint !== undefined ? { endpoint } : { endpoint: undefined };
  const { listen, limits } = convertSocket({ ...rest, ...place, webPaths: [] }, folder);
  if (!isDeepStrictEqual(limits, first.converted.limits))
    socket.report.note(`${path}.options`, `limits count for all listeners: only those of ${node.path} were converted`);
  if (!hasOwnPort) {
    if (methods.authMethods === undefined && isAlike(listen, first.converted.listen)) return { path: listen['path'] };
    socket.report.security(path, `has other settings than ${node.path} at the same port, and was left out`);
    return undefined;
  }
  const wantsTls = endpoint?.has('tls') === true;
  if (typeof listen['port'] === 'number' && wantsTls === 'tls' in listen)
    return { type: 'websocket', ...listen, ...methods };
  socket.report.security(path, 'was left out: write it as an entry of listeners by hand');
  return undefined;
}

function isAlike(one: Fields, other: Fields): boolean {
  return SHARED.every((name) => isDeepStrictEqual(one[name], other[name]));
}
