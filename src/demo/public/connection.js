/* global autobahn */

const RETRY_MS = 500;
/** For a WebSocket that neither opens nor fails, as with proxies that swallow what they do not know. */
const PATIENCE_MS = 5_000;

/** Where the router that served this page takes WAMP clients. */
async function readSettings() {
  const response = await fetch('settings.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`settings.json: HTTP ${response.status}`);
  return response.json();
}

/** A connection that comes back by itself, to the router that served this page. */
export async function connect(listeners) {
  const { path, longPoll, realm } = await readSettings();
  const { protocol, host, origin } = location;
  const transports = [{ type: 'websocket', url: `${protocol === 'https:' ? 'wss' : 'ws'}://${host}${path}` }];
  if (longPoll !== undefined) transports.push({ type: 'longpoll', url: `${origin}${longPoll}` });
  stayConnected(autobahn, { transports, realm }, listeners);
}

/**
 * A connection that comes back by itself, whatever ended it. Runs in a browser and in Node.js alike. autobahn-js uses only the first
 * transport of a list, also where it never opens, so each one has a connection of its own: the next one follows where one never opens.
 */
export function stayConnected(autobahn, { transports, realm }, { onOpen, onLost }) {
  const open = (index) => {
    const isLast = index === transports.length - 1;
    const connection = new autobahn.Connection({
      transports: [transports[index]],
      realm,
      retry_if_unreachable: transports.length === 1,
      max_retries: -1,
      initial_retry_delay: RETRY_MS / 1000,
      max_retry_delay: 5,
    });
    let hasJoined = false;
    const patience = isLast ? undefined : setTimeout(() => connection.close(), PATIENCE_MS);
    connection.onopen = (session, details) => {
      hasJoined = true;
      clearTimeout(patience);
      onOpen(session, details);
    };
    connection.onclose = (reason, details) => {
      clearTimeout(patience);
      if (isLast || hasJoined) onLost(details.reason ?? reason);
      if (!hasJoined && transports.length > 1) {
        connection.onclose = null;
        setTimeout(() => open(isLast ? 0 : index + 1), isLast ? RETRY_MS : 0);
        return true;
      }
      // autobahn-js does not reconnect after a GOODBYE of the router (drain.farewell: goodbye).
      if (!details.will_retry) setTimeout(() => connection.open(), RETRY_MS);
      return false;
    };
    connection.open();
  };
  open(0);
}
