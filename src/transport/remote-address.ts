const MAPPED_IPV4 = /^0000:0000:0000:0000:0000:ffff:([0-9a-f]{2})([0-9a-f]{2}):([0-9a-f]{2})([0-9a-f]{2})$/;
const ADDRESS = /^[0-9A-Fa-f.:[\]]{2,56}$/;

/** An IPv4 address that a socket for both families shows as IPv6, as people write it. */
export function readableAddress(address: string): string {
  const bytes = MAPPED_IPV4.exec(address);
  return bytes === null
    ? address
    : bytes
        .slice(1)
        .map((byte) => Number.parseInt(byte, 16))
        .join('.');
}

/**
 * The last address of X-Forwarded-For: the one the nearest proxy has seen; all before it may be the client's invention.
 * Undefined when it is no address.
 */
export function forwardedAddress(header: string): string | undefined {
  const last = header.slice(header.lastIndexOf(',') + 1).trim();
  return ADDRESS.test(last) ? last : undefined;
}
