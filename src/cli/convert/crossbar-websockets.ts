import { isDeepStrictEqual } from 'node:util';
import type { FoundPort, FoundSocket } from './crossbar-ports.js';
import { methodsOf } from './crossbar-principals.js';
import { convertSocket, type ConvertedTransport } from './crossbar-transport.js';
import type { Section } from './report.js';

type Fields = Readonly<Record<string, unknown>>;

export interface FirstSocket {
  readonly found: FoundSocket;
  readonly converted: Pick<ConvertedTransport, 'listen' | 'limits'>;
}

/** Settings that all paths of one port share. */
const SHARED = ['serializers', 'allowedOrigins', 'requireSubprotocol', 'compression', 'cookie'];

/** Paths at the port of the first WebSocket. Those that are left out are reported: they decide who may connect. */
export function convertFurtherPaths(others: readonly FoundSocket[], first: FirstSocket, folder: string): unknown[] {
  return others.flatMap((other) => {
    const converted = convertOther(other, undefined, first, folder);
    if (converted === undefined) return [];
    const { listen, methods } = converted;
    if (methods.authMethods === undefined && isAlike(listen, first.converted.listen)) return [listen['path']];
    const { path } = first.found;
    other.socket.report.security(other.path, `has other settings than ${path} at the same port, and was left out`);
    return [];
  });
}

/** The outcome for the WebSockets of a further port. */
export interface FurtherSocket {
  /** An entry of `listeners`. Absent: all of them were left out, and reported. */
  readonly listener?: Fields;
  /** The endpoint was read, and is of no use. */
  readonly hasNoPlace?: boolean;
}

/** The WebSocket of a port other than that of the first. */
export function convertFurtherPort(
  { endpoint, sockets }: FoundPort,
  first: FirstSocket,
  folder: string,
): FurtherSocket {
  let outcome: FurtherSocket = {};
  for (const other of sockets) {
    const { socket, path } = other;
    if (outcome.listener !== undefined || outcome.hasNoPlace === true) {
      socket.report.security(path, 'was left out: write its path into the entry of listeners with this port by hand');
      continue;
    }
    const converted = convertOther(other, endpoint, first, folder);
    if (converted === undefined) continue;
    const { listen, methods } = converted;
    if (hasPlace(listen, endpoint)) outcome = { listener: { type: 'websocket', ...listen, ...methods } };
    else {
      socket.report.security(path, 'was left out: write it as an entry of listeners by hand');
      outcome = { hasNoPlace: true };
    }
  }
  return outcome;
}

/** A listener can be there, and serves with TLS where the port did. */
export function hasPlace(listen: Fields, endpoint: Section | undefined): boolean {
  const wantsTls = endpoint?.has('tls') === true;
  return typeof listen['port'] === 'number' && wantsTls === 'tls' in listen;
}

interface ConvertedOther {
  readonly listen: Fields;
  readonly methods: { readonly authMethods?: readonly string[] };
}

/** Undefined: it has other principals, and a note says so. */
function convertOther(
  other: FoundSocket,
  endpoint: Section | undefined,
  first: FirstSocket,
  folder: string,
): ConvertedOther | undefined {
  const { socket, path } = other;
  const node = { path: first.found.path, auth: first.found.socket.take('auth') };
  const methods = methodsOf(socket, node, true);
  if (methods === undefined) return undefined;
  const { listen, limits } = convertSocket(other, endpoint, folder);
  if (!isDeepStrictEqual(limits, first.converted.limits))
    socket.report.note(`${path}.options`, `limits count for all listeners: only those of ${node.path} were converted`);
  return { listen, methods };
}

function isAlike(one: Fields, other: Fields): boolean {
  return SHARED.every((name) => isDeepStrictEqual(one[name], other[name]));
}
