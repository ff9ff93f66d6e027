import type { GaugeDefinition } from './metric-definitions.js';

/** Sizes that a running node reports at each scrape. */
export interface Gauges {
  connections(): number;
  sockets(): number;
  pendingSockets(): number;
  maxSockets(): number;
  sessions(): number;
  subscriptions(): number;
  registrations(): number;
  pendingCalls(): number;
  abandonedInvocations(): number;
  realms(): number;
  unsentBytes(): number;
  receiveBufferBytes(): number;
  narrowedConnections(): number;
  inboxBytes(): number;
  heldBytes(): number;
  inboxMessages(): number;
  waitingHandshakes(): number;
  longPollTransports(): number;
  longPollWaiting(): number;
  testamentBytes(): number;
}

export const GAUGE_DEFINITIONS: Readonly<Record<keyof Gauges, GaugeDefinition>> = {
  connections: { name: 'gantry_connections', help: 'Open connections.' },
  sockets: {
    name: 'gantry_sockets',
    help: 'Open connections of every kind: WebSockets, HTTP, and those that have sent nothing. At most 256 more than limits.maxConnections.',
  },
  pendingSockets: {
    name: 'gantry_pending_sockets',
    help: 'Open connections that have not sent a complete request.',
  },
  maxSockets: {
    name: 'gantry_max_sockets',
    help: 'Connections that may stay: limits.maxConnections, or fewer where the process may not open so many files.',
  },
  sessions: { name: 'gantry_sessions', help: 'Established sessions of this node.' },
  subscriptions: { name: 'gantry_subscriptions', help: 'Subscriptions of sessions of this node.' },
  registrations: { name: 'gantry_registrations', help: 'Registrations of sessions of this node.' },
  pendingCalls: { name: 'gantry_pending_calls', help: 'Calls made at this node that have not ended.' },
  abandonedInvocations: {
    name: 'gantry_abandoned_invocations',
    help: 'Invocations at callees of this node whose calls have ended, and that count in the `concurrency` of their registration until the callee answers.',
  },
  realms: { name: 'gantry_realms', help: 'Realms of this node.' },
  unsentBytes: { name: 'gantry_unsent_bytes', help: 'Bytes waiting to be sent, all connections together.' },
  inboxBytes: {
    name: 'gantry_inbox_bytes',
    help: 'Bytes of messages that wait to be handled, all connections together.',
  },
  heldBytes: {
    name: 'gantry_held_bytes',
    help: 'Bytes of events and calls that wait for a request of their own session, and of calls that may go to another callee.',
  },
  testamentBytes: { name: 'gantry_testament_bytes', help: 'Bytes of the testaments of the sessions of this node.' },
  inboxMessages: {
    name: 'gantry_inbox_messages',
    help: 'Messages that wait to be handled, all connections together.',
  },
  waitingHandshakes: {
    name: 'gantry_waiting_handshakes',
    help: 'HELLOs that wait for their turn (limits.maxHandshakesPerSecond).',
  },
  longPollTransports: {
    name: 'gantry_long_poll_transports',
    help: 'Open long-poll transports of this node, also where their requests arrive at other nodes.',
  },
  longPollWaiting: {
    name: 'gantry_long_poll_waiting',
    help: 'Long-poll transports of this node with a poll that waits for messages. The others are between two polls.',
  },
  receiveBufferBytes: {
    name: 'gantry_receive_buffer_bytes',
    help: 'Receive buffer of each connection in the kernel (listen.receiveBufferBytes); 0: the node could not limit it, or is configured not to.',
  },
  narrowedConnections: {
    name: 'gantry_narrowed_connections',
    help: 'Connections with the small receive buffer (listen.floodReceiveBufferBytes): they flood this node, or did so recently.',
  },
};
