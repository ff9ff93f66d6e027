import type { Section } from './report.js';

type Fields = Readonly<Record<string, unknown>>;

/** A service of a transport, at a path of its port. */
export interface FoundService {
  readonly path: string;
  readonly service: Section;
}

const MS_PER_SECOND = 1_000;
const MIN_SESSION_MS = 1_000;
const MAX_SESSION_MS = 600_000;

/** The value of `longPoll`. Undefined: there is none. A listener has one; further ones are reported. */
export function convertLongPoll(found: readonly FoundService[]): Fields | undefined {
  const usable = found.filter(({ path }) => path !== '/');
  for (const { path, service } of found)
    if (path === '/') service.report.note(service.path, 'was left out: long-poll needs a path of its own');
  const [first, ...others] = usable;
  for (const { service } of others)
    service.report.note(service.path, `was left out: one port has one long-poll, that of ${first?.service.path ?? ''}`);
  return first && { path: first.path, ...convertOptions(first.service) };
}

function convertOptions(service: Section): Fields {
  service.take('id');
  const options = service.section('options');
  const seconds = options?.count('session_timeout');
  options?.leave('the node answers a poll by receiveTimeoutMs, which is shorter', 'request_timeout');
  options?.leave('limits.maxUnsentBytes bounds what waits', 'queue_limit_bytes', 'queue_limit_messages');
  options?.leave('the id of a transport is always secret', 'debug', 'debug_transport_id');
  options?.end();
  service.end();
  if (seconds === undefined) return {};
  return { sessionTimeoutMs: Math.min(Math.max(seconds * MS_PER_SECOND, MIN_SESSION_MS), MAX_SESSION_MS) };
}
