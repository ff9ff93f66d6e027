import { readdirSync } from 'node:fs';
import { endianness } from 'node:os';
import type * as koffi from 'koffi';

/** What became of the wish for a small receive buffer. */
export type ReceiveBuffer =
  /** Bytes that the system grants each connection. */
  | { readonly kind: 'limited'; readonly bytes: number }
  /** The system decides, and one client may fill a whole turn. `reason`: one sentence for people. */
  | { readonly kind: 'unlimited'; readonly reason: string };

/** Sets the receive buffer of the sockets that listen at `port`: those accepted from now on inherit it. */
export type LimitReceiveBuffer = (port: number, bytes: number) => ReceiveBuffer;

/**
 * uWebSockets.js reads a connection again and again while there is something to read, and has no way to set the buffer.
 * So the buffer is set below it, on the listening socket, by a call of the C library. The kernel does the rest: what does
 * not fit stays with the sender (ADR 15). Never throws: where it cannot be done, the result says why.
 */
export async function receiveBufferLimiter(
  platform: NodeJS.Platform = process.platform,
  loadKoffi: () => Promise<Pick<typeof koffi, 'load'>> = () => import('koffi'),
): Promise<LimitReceiveBuffer> {
  if (platform !== 'linux') return () => unlimited(`a receive buffer cannot be set on ${platform}`);
  try {
    const { load } = await loadKoffi();
    // The symbols of this process: the C library has another name on each system.
    const own = load(null);
    const sockets: Sockets = {
      getsockname: own.func('int getsockname(int fd, _Inout_ uint8_t *address, _Inout_ uint32_t *length)'),
      getsockopt: own.func('int getsockopt(int fd, int level, int name, _Out_ int *value, _Inout_ uint32_t *length)'),
      setsockopt: own.func('int setsockopt(int fd, int level, int name, const int *value, uint32_t length)'),
    };
    return (port, bytes) => limit(sockets, port, bytes);
  } catch (cause) {
    return () => unlimited(`a receive buffer cannot be set without the package koffi: ${sentenceOf(cause)}`);
  }
}

interface Sockets {
  readonly getsockname: koffi.KoffiFunc<(fd: number, address: Uint8Array, length: number[]) => number>;
  readonly getsockopt: koffi.KoffiFunc<
    (fd: number, level: number, name: number, value: number[], length: number[]) => number
  >;
  readonly setsockopt: koffi.KoffiFunc<
    (fd: number, level: number, name: number, value: readonly number[], length: number) => number
  >;
}

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ACCEPTCONN = 30;
const INT_BYTES = 4;
const AF_INET = 2;
const AF_INET6 = 10;
/** sockaddr_in6, the longer of the two. */
const ADDRESS_BYTES = 28;
const OWN_DESCRIPTORS = '/proc/self/fd';

function limit(sockets: Sockets, port: number, bytes: number): ReceiveBuffer {
  try {
    const listening = readdirSync(OWN_DESCRIPTORS)
      .map(Number)
      .filter((fd) => option(sockets, fd, SO_ACCEPTCONN) === 1 && portOf(sockets, fd) === port);
    if (listening.length === 0) return unlimited(`the socket that listens at port ${port} was not found`);
    let granted = Infinity;
    for (const fd of listening) {
      if (sockets.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, [bytes], INT_BYTES) !== 0)
        return unlimited('the system refused to set the receive buffer');
      // Linux doubles what was asked for, and reports the double, for its own bookkeeping.
      granted = Math.min(granted, option(sockets, fd, SO_RCVBUF) / 2);
    }
    return { kind: 'limited', bytes: granted };
  } catch (cause) {
    return unlimited(`the listening socket cannot be found: ${sentenceOf(cause)}`);
  }
}

/** -1: not a socket, or no such option. */
function option({ getsockopt }: Sockets, fd: number, name: number): number {
  const value = [-1];
  return getsockopt(fd, SOL_SOCKET, name, value, [INT_BYTES]) === 0 ? (value[0] ?? -1) : -1;
}

function portOf({ getsockname }: Sockets, fd: number): number | undefined {
  const address = new Uint8Array(ADDRESS_BYTES);
  if (getsockname(fd, address, [ADDRESS_BYTES]) !== 0) return undefined;
  const view = new DataView(address.buffer);
  const family = view.getUint16(0, endianness() === 'LE');
  return family === AF_INET || family === AF_INET6 ? view.getUint16(2) : undefined;
}

function unlimited(reason: string): ReceiveBuffer {
  return { kind: 'unlimited', reason };
}

function sentenceOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
