import type { ConnectionRefusal } from '../../telemetry/counters.js';

/** The headers of a request that the transport looks at. Headers in several lines are joined with commas (RFC 9110). */
export interface RequestHead {
  readonly upgrade: string;
  readonly connection: string;
  readonly key: string;
  readonly version: string;
  readonly subprotocols: string;
  readonly extensions: string;
  readonly origin: string;
  readonly cookie: string;
  readonly forwardedFor: string;
  /** The header that the caller named. An empty line counts: behind that of a proxy, no other is believed. */
  readonly certificate: string;
  /** Those that the caller wants to keep, by name. Absent: none of them came. */
  readonly kept?: Readonly<Record<string, string>>;
  /** Bytes of the request line and all headers, as sent. */
  readonly bytes: number;
}

const FIELDS: Readonly<Record<string, Exclude<keyof RequestHead, 'bytes' | 'kept'>>> = {
  upgrade: 'upgrade',
  connection: 'connection',
  'sec-websocket-key': 'key',
  'sec-websocket-version': 'version',
  'sec-websocket-protocol': 'subprotocols',
  'sec-websocket-extensions': 'extensions',
  origin: 'origin',
  cookie: 'cookie',
  'x-forwarded-for': 'forwardedFor',
};
const FIELD_BY_HEADER = new Map(Object.entries(FIELDS));
/** `: ` and the end of the line. */
const LINE_OVERHEAD_BYTES = 4;

interface Request {
  getUrl(): string;
  /** Undefined without a question mark, whatever the library's types promise. */
  getQuery(): string | undefined;
  forEach(visit: (name: string, value: string) => void): void;
}

/** Names of headers, in lower case. */
export interface NamedHeaders {
  readonly certificate?: string | undefined;
  readonly kept?: readonly string[] | undefined;
}

/** Reads a request's headers. O(bytes), which the library bounds. */
export function readRequestHead(request: Request, { certificate, kept = [] }: NamedHeaders = {}): RequestHead {
  const head = {
    upgrade: '',
    connection: '',
    key: '',
    version: '',
    subprotocols: '',
    extensions: '',
    origin: '',
    cookie: '',
    forwardedFor: '',
    certificate: '',
    bytes: request.getUrl().length + (request.getQuery() ?? '').length,
  };
  let hasCertificate = false;
  const values = new Map<string, string>();
  request.forEach((name, value) => {
    head.bytes += name.length + value.length + LINE_OVERHEAD_BYTES;
    if (kept.includes(name)) values.set(name, values.has(name) ? `${values.get(name)},${value}` : value);
    const field = name === certificate ? 'certificate' : FIELD_BY_HEADER.get(name);
    if (field === undefined) return;
    const isFirst = field === 'certificate' ? !hasCertificate : head[field] === '';
    head[field] = isFirst ? value : `${head[field]},${value}`;
    hasCertificate ||= field === 'certificate';
  });
  return values.size === 0 ? head : { ...head, kept: Object.fromEntries(values) };
}

/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
const VERSION = '13';

export type HandshakeFlaw = Extract<
  ConnectionRefusal,
  'upgrade_required' | 'websocket_version' | 'malformed_handshake'
>;

/** The flaw of an opening handshake (RFC 6455, 4.2.1); undefined: none. */
export function handshakeFlaw({ upgrade, connection, key, version }: RequestHead): HandshakeFlaw | undefined {
  if (!hasToken(upgrade, 'websocket')) return 'upgrade_required';
  if (!hasToken(connection, 'upgrade')) return 'malformed_handshake';
  if (version !== VERSION) return 'websocket_version';
  return KEY.test(key) ? undefined : 'malformed_handshake';
}

function hasToken(list: string, token: string): boolean {
  return list.split(',').some((entry) => entry.trim().toLowerCase() === token);
}
