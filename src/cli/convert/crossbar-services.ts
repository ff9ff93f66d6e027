import { isDeepStrictEqual } from 'node:util';
import { convertLongPoll } from './crossbar-longpoll.js';
import type { FoundPort } from './crossbar-ports.js';
import type { NodePrincipals } from './crossbar-principals.js';
import { convertEndpoint } from './crossbar-transport.js';
import { convertWebPaths } from './crossbar-web.js';
import { hasPlace, type FurtherSocket } from './crossbar-websockets.js';
import type { Section } from './report.js';

type Fields = Readonly<Record<string, unknown>>;

/** The paths that a listener without a WebSocket of its own may give to one, at which nobody can join. */
const SOCKET_PATHS = ['/ws', '/wamp', '/wamp-websocket'];

/** Long-poll and `web` of a port: the sections beside `listen`, or those of an entry of `listeners`. */
export function convertServices({ longPolls, webPaths }: FoundPort, folder: string): Fields {
  const longPoll = convertLongPoll(longPolls);
  const paths = convertWebPaths(webPaths, folder);
  return { ...(longPoll && { longPoll }), ...(Object.keys(paths).length > 0 && { web: { paths } }) };
}

/**
 * The entry of `listeners` for a port with its long-poll and `web`. Undefined: none was possible, or there is nothing to
 * serve. Clients join by long-poll as by the WebSocket of the port.
 */
export function listenerWithServices(
  port: FoundPort,
  { listener, hasNoPlace = false }: FurtherSocket,
  node: NodePrincipals,
  folder: string,
): Fields | undefined {
  if (listener !== undefined) return { ...listener, ...convertServices(port, folder) };
  const { sockets, webPaths, longPolls, endpoint } = port;
  if (webPaths.length === 0 && longPolls.length === 0) return undefined;
  const polls = sockets.length === 0 && longPolls.length > 0 ? pollMethods(node) : undefined;
  if (polls === undefined)
    for (const { service } of longPolls)
      service.report.security(service.path, 'was left out: the clients of this port have other principals');
  const place = endpoint === undefined || hasNoPlace ? undefined : placeOf(endpoint, folder);
  const served = polls === undefined ? { ...port, longPolls: [] } : port;
  if (place === undefined || (served.longPolls.length === 0 && webPaths.length === 0)) {
    for (const { service } of [...served.longPolls, ...webPaths])
      service.report.note(service.path, 'was left out: write it into an entry of listeners by hand');
    return undefined;
  }
  // Crossbar.io has no WebSocket here, or one for others: without long-poll nobody may join.
  const authMethods = polls === undefined ? { authMethods: [] } : polls;
  return { type: 'websocket', ...place, path: freePath(port), ...authMethods, ...convertServices(served, folder) };
}

/** Crossbar.io admits clients of long-poll without a WebSocket as anonymous ones. Undefined: the node has none of these. */
function pollMethods({ auth }: NodePrincipals): { readonly authMethods?: readonly string[] } | undefined {
  if (auth === undefined) return {};
  const isOpen = isDeepStrictEqual((auth as Fields | null)?.['anonymous'], { type: 'static', role: 'anonymous' });
  return isOpen ? { authMethods: ['anonymous'] } : undefined;
}

function placeOf(endpoint: Section, folder: string): Fields | undefined {
  const { clientAuthorities: _, ...place } = convertEndpoint(endpoint, folder);
  return hasPlace(place, endpoint) ? place : undefined;
}

function freePath({ webPaths, longPolls }: FoundPort): string {
  const taken = [...webPaths, ...longPolls].map(({ path }) => path);
  return SOCKET_PATHS.find((path) => !taken.includes(path)) ?? '/wamp-without-methods';
}
