/** An IP address in its one canonical form: 4 bytes of IPv4, or 8 groups of IPv6. IPv4 mapped into IPv6 is IPv4. */
export type IpAddress =
  { readonly family: 4; readonly parts: readonly number[] } | { readonly family: 6; readonly parts: readonly number[] };

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const IPV4_WITH_PORT = /^([\d.]+):\d{1,5}$/;
const IPV6_IN_BRACKETS = /^\[([^\]]*)\](?::\d{1,5})?$/;
const GROUP = /^[0-9a-f]{1,4}$/i;
/** The longest spelling, a zone and a port included. */
const MAX_TEXT_LENGTH = 128;
const GROUPS = 8;
const GROUP_BITS = 16;
const BYTE_BITS = 8;

/** Reads every spelling that proxies and systems use: with a port, in brackets, with a zone. Undefined: no address. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (text.length > MAX_TEXT_LENGTH) return undefined;
  const address = IPV6_IN_BRACKETS.exec(text)?.[1] ?? IPV4_WITH_PORT.exec(text)?.[1] ?? text;
  if (!address.includes(':')) return parseIpv4(address);
  const zone = address.indexOf('%');
  const groups = parseGroups(zone < 0 ? address : address.slice(0, zone));
  return groups === undefined ? undefined : (mappedIpv4(groups) ?? { family: 6, parts: groups });
}

/** The usual text form; IPv6 as in RFC 5952. */
export function formatIpAddress({ family, parts }: IpAddress): string {
  if (family === 4) return parts.join('.');
  const texts = parts.map((part) => part.toString(16));
  const [start, length] = longestZeros(parts);
  if (length < 2) return texts.join(':');
  return `${texts.slice(0, start).join(':')}::${texts.slice(start + length).join(':')}`;
}

/** The network of `prefixBits` that an address is in, as a key for counting. IPv4 addresses count one by one. */
export function countingKey(address: IpAddress, ipv6PrefixBits: number): string {
  if (address.family === 4) return formatIpAddress(address);
  const masked = address.parts.map((part, index) => part & maskOf(ipv6PrefixBits - index * GROUP_BITS, GROUP_BITS));
  const network = formatIpAddress({ family: 6, parts: masked });
  return ipv6PrefixBits === GROUPS * GROUP_BITS ? network : `${network}/${ipv6PrefixBits}`;
}

/** `countingKey` of an address in text form. Text that is no address counts by itself. */
export function countingKeyOf(text: string, ipv6PrefixBits: number): string {
  const address = parseIpAddress(text);
  return address === undefined ? text : countingKey(address, ipv6PrefixBits);
}

/** A set of addresses: one, or those that share the first bits. */
export interface IpNetwork {
  readonly address: IpAddress;
  readonly prefixBits: number;
}

/** `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`. Undefined: neither. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const [, base = '', prefix] = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const address = parseIpAddress(base);
  if (address === undefined || IPV4_WITH_PORT.test(base)) return undefined;
  const bits = bitsOf(address);
  // The prefix of a mapped address counts from the start of IPv6.
  const mappedBits = address.family === 4 && base.includes(':') ? GROUPS * GROUP_BITS - bits : 0;
  const prefixBits = prefix === undefined ? bits : Number(prefix) - mappedBits;
  return prefixBits >= 0 && prefixBits <= bits ? { address, prefixBits } : undefined;
}

export function isInNetwork(address: IpAddress, network: IpNetwork): boolean {
  if (address.family !== network.address.family) return false;
  const width = address.family === 4 ? BYTE_BITS : GROUP_BITS;
  return address.parts.every((part, index) => {
    const mask = maskOf(network.prefixBits - index * width, width);
    return (part & mask) === ((network.address.parts[index] ?? 0) & mask);
  });
}

function bitsOf({ family }: IpAddress): number {
  return family === 4 ? 4 * BYTE_BITS : GROUPS * GROUP_BITS;
}

/** The first `bits` of `width` are ones. */
function maskOf(bits: number, width: number): number {
  const ones = Math.min(Math.max(bits, 0), width);
  return ((1 << width) - 1) & ~((1 << (width - ones)) - 1);
}

/** A leading zero is decimal here: what some read as octal must not count as another address. */
function parseIpv4(text: string): IpAddress | undefined {
  const parts = IPV4.exec(text)?.slice(1).map(Number);
  return parts?.every((part) => part <= 255) === true ? { family: 4, parts } : undefined;
}

function parseGroups(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = [groupsOf(halves[0] ?? ''), groupsOf(halves[1] ?? '')];
  if (head === undefined || tail === undefined) return undefined;
  const missing = GROUPS - head.length - tail.length;
  if (halves.length === 1) return missing === 0 ? head : undefined;
  return missing > 0 ? [...head, ...Array.from({ length: missing }, () => 0), ...tail] : undefined;
}

/** The groups on one side of `::`. The last group may be IPv4. */
function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const words = text.split(':');
  for (const [index, word] of words.entries()) {
    const ipv4 = index === words.length - 1 && word.includes('.') ? parseIpv4(word)?.parts : undefined;
    if (ipv4 !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = ipv4;
      groups.push((a << BYTE_BITS) | b, (c << BYTE_BITS) | d);
    } else if (GROUP.test(word)) groups.push(Number.parseInt(word, 16));
    else return undefined;
  }
  return groups;
}

function mappedIpv4(groups: readonly number[]): IpAddress | undefined {
  const [mark, high = 0, low = 0] = groups.slice(5);
  if (mark !== 0xffff || groups.slice(0, 5).some((group) => group !== 0)) return undefined;
  return { family: 4, parts: [high >> BYTE_BITS, high & 0xff, low >> BYTE_BITS, low & 0xff] };
}

function longestZeros(parts: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < parts.length; start++) {
    let length = 0;
    while (parts[start + length] === 0) length++;
    if (length > best[1]) best = [start, length];
    start += length;
  }
  return best;
}
