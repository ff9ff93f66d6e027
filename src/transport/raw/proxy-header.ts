import { isIPv4, isIPv6 } from 'node:net';

/** The header of a proxy in front of a connection (PROXY protocol, versions 1 and 2). */
export type ProxyHeader =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'flaw'; readonly flaw: string }
  /** `source`: the address of the client; undefined where the proxy speaks for itself, or does not know. */
  | { readonly kind: 'header'; readonly bytes: number; readonly source: string | undefined };

/** Longest header that is read: several times what proxies send with all additions of version 2. */
export const MAX_PROXY_HEADER_BYTES = 1_024;

const SIGNATURE_1 = Buffer.from('PROXY ');
const SIGNATURE_2 = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
/** Longest line of version 1, with the end of the line. */
const MAX_LINE_BYTES = 107;
const FIXED_BYTES = 16;
const [LOCAL, PROXY] = [0x20, 0x21];
/** Lengths of the addresses and ports by family and transport. Other kinds name no address that counts. */
const [TCP4, TCP6] = [0x11, 0x21];
const TCP4_BYTES = 12;
const TCP6_BYTES = 36;

const INCOMPLETE: ProxyHeader = { kind: 'incomplete' };

/** Reads the header at the begin of what has arrived, at most MAX_PROXY_HEADER_BYTES of it. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginsAs(bytes, SIGNATURE_2)) return bytes.length < FIXED_BYTES ? INCOMPLETE : readBinary(bytes);
  if (beginsAs(bytes, SIGNATURE_1)) return readLine(bytes);
  return flaw('no PROXY header, neither of version 1 nor of version 2');
}

/** Compares the bytes that both have. */
function beginsAs(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.subarray(0, length).equals(signature.subarray(0, length));
}

function readLine(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, MAX_LINE_BYTES).indexOf('\r\n');
  if (end === -1) return bytes.length < MAX_LINE_BYTES ? INCOMPLETE : flaw('a PROXY line of more than 107 bytes');
  const [, family, source = '', destination = '', ...ports] = bytes.toString('latin1', 0, end).split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { kind: 'header', bytes: length, source: undefined };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  const isSound = isAddress?.(source) === true && isAddress(destination) && ports.length === 2 && ports.every(isPort);
  return isSound
    ? { kind: 'header', bytes: length, source }
    : flaw('a PROXY line that names no two addresses and ports');
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

function readBinary(bytes: Buffer): ProxyHeader {
  const [command = 0, kind = 0] = bytes.subarray(SIGNATURE_2.length);
  const length = FIXED_BYTES + bytes.readUInt16BE(FIXED_BYTES - 2);
  if (command !== LOCAL && command !== PROXY) return flaw('a PROXY header of another version or command');
  if (length > MAX_PROXY_HEADER_BYTES) return flaw(`a PROXY header of ${length} bytes`);
  if (bytes.length < length) return INCOMPLETE;
  if (command === LOCAL) return { kind: 'header', bytes: length, source: undefined };
  const addressBytes = kind === TCP4 ? TCP4_BYTES : kind === TCP6 ? TCP6_BYTES : 0;
  if (length < FIXED_BYTES + addressBytes) return flaw('a PROXY header that is too short for its addresses');
  const address = bytes.subarray(FIXED_BYTES, length);
  const source = kind === TCP4 ? address.subarray(0, 4).join('.') : kind === TCP6 ? textOf6(address) : undefined;
  return { kind: 'header', bytes: length, source };
}

function textOf6(address: Buffer): string {
  return Array.from({ length: 8 }, (_, group) => address.readUInt16BE(group * 2).toString(16)).join(':');
}

function flaw(text: string): ProxyHeader {
  return { kind: 'flaw', flaw: text };
}
