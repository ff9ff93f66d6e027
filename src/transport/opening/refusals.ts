import type { ConnectionRefusal, HttpStatus } from '../../telemetry/counters.js';

/** The HTTP answers to clients that are refused before their WebSocket opens. */
export interface RefusalAnswer {
  readonly status: HttpStatus;
  /** For people. */
  readonly sentence: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

/** Refusals without an answer: no request arrived, or there would be too many to answer. */
export type SilentRefusal = 'pending_connections' | 'no_request' | 'request_timeout' | 'proxy_header';

/** Refused for the time being, whatever is asked: answered with 503 and Retry-After. */
export type TemporaryRefusal = 'draining' | 'memory';

/** Seconds. */
const soon = [['Retry-After', '2']] as const;

export const REFUSALS: Readonly<Record<Exclude<ConnectionRefusal, SilentRefusal>, RefusalAnswer>> = {
  draining: {
    status: '503',
    sentence: 'This router is going away. Connect again to reach another.',
    headers: soon,
  },
  memory: {
    status: '503',
    sentence: 'This router uses as much memory as it may (limits.maxMemoryPercent).',
    headers: soon,
  },
  origin: { status: '403', sentence: 'Pages of this origin may not connect here.' },
  subprotocol: {
    status: '400',
    sentence: 'Name a sub-protocol of this router in Sec-WebSocket-Protocol:',
  },
  connections: {
    status: '503',
    sentence: 'This router has as many connections as it may (limits.maxConnections).',
    headers: soon,
  },
  connections_per_address: {
    status: '503',
    sentence: 'There are too many connections from this address (limits.maxConnectionsPerAddress).',
    headers: soon,
  },
  listener_connections_per_address: {
    status: '503',
    sentence: 'There are too many connections from this address here (maxConnectionsPerAddress of this listener).',
    headers: soon,
  },
  upgrade_required: {
    status: '426',
    sentence: 'This is a WAMP router: connect with a WebSocket to',
    headers: [['Upgrade', 'websocket']],
  },
  websocket_version: {
    status: '426',
    sentence: 'This router speaks version 13 of the WebSocket protocol.',
    headers: [
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
    ],
  },
  malformed_handshake: {
    status: '400',
    sentence: 'An opening handshake needs "Connection: Upgrade" and a Sec-WebSocket-Key of 16 bytes (RFC 6455, 4.2.1).',
  },
  header_bytes: {
    status: '431',
    sentence: 'The headers are too large (limits.maxHeaderBytes): cookies of other applications, for instance.',
  },
};
