import { readdirSync } from 'node:fs';
import { endianness } from 'node:os';
import type * as koffi from 'koffi';

/** The sockets of this process as the kernel has them, by descriptor. Nothing here throws, and nothing waits. */
export interface KernelSockets {
  /** Every open descriptor, of whatever kind. O(descriptors). */
  descriptors(): readonly number[];
  isListening(fd: number): boolean;
  /** Undefined: not a socket of IPv4 or IPv6. */
  localPort(fd: number): number | undefined;
  /** Bytes that have arrived and were not read; 0 for what is no connection. */
  unreadBytes(fd: number): number;
  /** False: the kernel refused. */
  setReceiveBuffer(fd: number, bytes: number): boolean;
  /** The size that the kernel has granted, which may differ from the request; undefined: not a socket. */
  receiveBuffer(fd: number): number | undefined;
}

/** Why the kernel cannot be asked: one sentence for people. */
export interface NoKernelSockets {
  readonly reason: string;
}

/**
 * uWebSockets.js hides the descriptors of its sockets and has no option for their buffers, so they are looked up among the
 * descriptors of the process and set by calls of the C library (ADR 15). Never throws.
 */
export async function kernelSockets(
  platform: NodeJS.Platform = process.platform,
  loadKoffi: () => Promise<Pick<typeof koffi, 'load'>> = () => import('koffi'),
): Promise<KernelSockets | NoKernelSockets> {
  if (platform !== 'linux') return { reason: `a receive buffer cannot be set on ${platform}` };
  try {
    const { load } = await loadKoffi();
    // The symbols of this process: the C library has another name on each system.
    const own = load(null);
    return new LinuxSockets({
      getsockname: own.func('int getsockname(int fd, _Inout_ uint8_t *address, _Inout_ uint32_t *length)'),
      getsockopt: own.func('int getsockopt(int fd, int level, int name, _Out_ int *value, _Inout_ uint32_t *length)'),
      setsockopt: own.func('int setsockopt(int fd, int level, int name, const int *value, uint32_t length)'),
      ioctl: own.func('int ioctl(int fd, unsigned long request, _Out_ int *value)'),
    });
  } catch (cause) {
    const sentence = cause instanceof Error ? cause.message : String(cause);
    return { reason: `a receive buffer cannot be set without the package koffi: ${sentence}` };
  }
}

interface Calls {
  readonly getsockname: koffi.KoffiFunc<(fd: number, address: Uint8Array, length: number[]) => number>;
  readonly getsockopt: koffi.KoffiFunc<
    (fd: number, level: number, name: number, value: number[], length: number[]) => number
  >;
  readonly setsockopt: koffi.KoffiFunc<
    (fd: number, level: number, name: number, value: readonly number[], length: number) => number
  >;
  readonly ioctl: koffi.KoffiFunc<(fd: number, request: number, value: number[]) => number>;
}

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ACCEPTCONN = 30;
const FIONREAD = 0x541b;
const INT_BYTES = 4;
const AF_INET = 2;
const AF_INET6 = 10;
/** sockaddr_in6, the longer of the two. */
const ADDRESS_BYTES = 28;
const OWN_DESCRIPTORS = '/proc/self/fd';

class LinuxSockets implements KernelSockets {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  descriptors(): readonly number[] {
    try {
      return readdirSync(OWN_DESCRIPTORS).map(Number);
    } catch {
      return [];
    }
  }

  isListening(fd: number): boolean {
    return this.#option(fd, SO_ACCEPTCONN) === 1;
  }

  localPort(fd: number): number | undefined {
    const address = new Uint8Array(ADDRESS_BYTES);
    if (this.#calls.getsockname(fd, address, [ADDRESS_BYTES]) !== 0) return undefined;
    const view = new DataView(address.buffer);
    const family = view.getUint16(0, endianness() === 'LE');
    return family === AF_INET || family === AF_INET6 ? view.getUint16(2) : undefined;
  }

  unreadBytes(fd: number): number {
    const value = [0];
    return this.#calls.ioctl(fd, FIONREAD, value) === 0 ? (value[0] ?? 0) : 0;
  }

  setReceiveBuffer(fd: number, bytes: number): boolean {
    return this.#calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, [bytes], INT_BYTES) === 0;
  }

  receiveBuffer(fd: number): number | undefined {
    const bytes = this.#option(fd, SO_RCVBUF);
    // Linux doubles what was asked for, and reports the double, for its own bookkeeping.
    return bytes === undefined ? undefined : bytes / 2;
  }

  /** Undefined: not a socket, or no such option. */
  #option(fd: number, name: number): number | undefined {
    const value = [-1];
    return this.#calls.getsockopt(fd, SOL_SOCKET, name, value, [INT_BYTES]) === 0 ? value[0] : undefined;
  }
}
