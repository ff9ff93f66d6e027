import type { CloseCause } from './connection.js';

interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** The WebSocket close frame for each cause. Spec: RFC 6455, "Defined Status Codes"; rules 2.4. */
export const CLOSE_FRAMES: Readonly<Record<CloseCause, Closing>> = {
  goodbye: { code: 1000, reason: 'goodbye' },
  goodbye_timeout: { code: 1000, reason: 'GOODBYE was not answered in time' },
  shutdown: { code: 1001, reason: 'the router shuts down' },
  // "Service Restart": connect again. No client library takes it for the end, as they take GOODBYE.
  restart: { code: 1012, reason: 'the router restarts: connect again' },
  protocol_violation: { code: 1002, reason: 'protocol violation' },
  abort: { code: 1008, reason: 'session aborted' },
  handshake_timeout: { code: 1008, reason: 'no session was established in time' },
  limit: { code: 1008, reason: 'a limit of the router was exceeded' },
  // "Try Again Later": client libraries take an ABORT for the end, and come back after this.
  full: { code: 1013, reason: 'no session is free here now: try again later' },
  unreachable: { code: 1013, reason: 'the cluster cannot be reached now: try again later' },
  draining: { code: 1013, reason: 'this router is going away: connect again' },
  undecided: { code: 1013, reason: 'the session cannot be opened now: try again later' },
  slow_reader: { code: 1013, reason: 'messages were not read fast enough' },
};
