/** The place of a RawSocket listener. */
export type RawAddress =
  { readonly path: string } | { readonly host: string; readonly port: number; readonly isSecure: boolean };

const UNIX = 'rs+unix:';

/** The flaw of the address of a router, or undefined. */
export function addressFlaw(url: string): string | undefined {
  if (url.startsWith(UNIX)) return url === UNIX ? 'rs+unix: wants a path: rs+unix:/run/gantry/wamp.sock' : undefined;
  if (!/^(wss?|rss?|https?):\/\/[^/]/.test(url) || !URL.canParse(url))
    return 'the address of the router is no URL such as ws://127.0.0.1:8080/ws, rs://127.0.0.1:8081, rs+unix:/path or http://127.0.0.1:8080/lp';
  if (isLongPoll(url) && new URL(url).pathname === '/')
    return 'the address of HTTP long-poll wants its path: http://127.0.0.1:8080/lp';
  if (!isRaw(url)) return undefined;
  const { port, pathname, search, hash, username } = new URL(url);
  if (port === '') return 'the address of a RawSocket wants a port: rs://127.0.0.1:8081';
  if (!/^\/?$/.test(pathname) || search !== '' || hash !== '' || username !== '')
    return 'the address of a RawSocket has a host and a port, and nothing else: rs://127.0.0.1:8081';
  return undefined;
}

export function isRaw(url: string): boolean {
  return /^(rss?:\/\/|rs\+unix:)/.test(url);
}

export function isLongPoll(url: string): boolean {
  return /^https?:\/\//.test(url);
}

/** `url`: a RawSocket address without flaw. */
export function rawAddress(url: string): RawAddress {
  // Two more slashes, as in file:///path, belong to no path.
  if (url.startsWith(UNIX)) return { path: url.slice(UNIX.length).replace(/^\/\/(?=\/)/, '') };
  const { protocol, hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port), isSecure: protocol === 'rss:' };
}

/** For messages: a user, a password and a query may be credentials. */
export function withoutSecrets(url: string): string {
  if (url.startsWith(UNIX)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
