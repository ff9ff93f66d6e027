import {
  countingKey,
  formatIpAddress,
  isInNetwork,
  parseIpAddress,
  parseIpNetwork,
  type IpAddress,
  type IpNetwork,
} from './ip-address.js';

export interface RemoteAddressOptions {
  readonly trustProxyHeader: 'none' | 'x-forwarded-for';
  /** Addresses and networks. Absent: see `PRIVATE`. */
  readonly trustedProxies?: readonly string[];
  readonly ipv6PrefixBits: number;
}

/** Where a connection comes from. */
export interface RemoteAddress {
  /** For people. Never empty. */
  readonly text: string;
  /** For counting: the same for all addresses that one host may use. */
  readonly key: string;
}

/** Loopback, private, link-local and unique local addresses: the default for proxies. */
const PRIVATE = [
  '127.0.0.0/8',
  '::1/128',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  'fe80::/10',
  'fc00::/7',
];
/** How many entries of X-Forwarded-For are looked at: as many proxies stand in one row. */
const MAX_HOPS = 16;

/** Finds the address of a client, also behind proxies. */
export class RemoteAddresses {
  readonly #options: RemoteAddressOptions;
  readonly #proxies: readonly IpNetwork[];

  constructor(options: RemoteAddressOptions) {
    this.#options = options;
    const proxies = options.trustProxyHeader === 'none' ? [] : (options.trustedProxies ?? PRIVATE);
    this.#proxies = proxies.map(parseIpNetwork).filter((network) => network !== undefined);
  }

  /** The other end of the connection itself. `text`: as the system writes it. */
  peer(text: string): RemoteAddress {
    return this.#describe(parseIpAddress(text), text);
  }

  /** The header of this peer counts. */
  isProxy({ text }: RemoteAddress): boolean {
    if (this.#proxies.length === 0) return false;
    const address = parseIpAddress(text);
    return address !== undefined && this.#isTrusted(address);
  }

  /**
   * The address of the client that a proxy forwards, from X-Forwarded-For, all header lines joined. The list is read from
   * its end: the proxy itself saw the last entry, and those before it count only while the entry behind is a proxy that is
   * trusted by name. So the router believes no entry that a client wrote. Returns the peer where the header names no address.
   */
  client(peer: RemoteAddress, forwardedFor: string): RemoteAddress {
    const entries = forwardedFor.split(',').slice(-MAX_HOPS).reverse();
    let client: IpAddress | undefined;
    for (const entry of entries) {
      const address = parseIpAddress(entry.trim());
      if (address === undefined) break;
      client = address;
      if (this.#options.trustedProxies === undefined || !this.#isTrusted(address)) break;
    }
    return client === undefined ? peer : this.#describe(client, peer.text);
  }

  #isTrusted(address: IpAddress): boolean {
    return this.#proxies.some((network) => isInNetwork(address, network));
  }

  #describe(address: IpAddress | undefined, text: string): RemoteAddress {
    if (address === undefined) return { text: text === '' ? 'unknown' : text, key: text };
    return { text: formatIpAddress(address), key: countingKey(address, this.#options.ipv6PrefixBits) };
  }
}
