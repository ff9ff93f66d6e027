/* global autobahn */

const RETRY_MS = 500;

/** Where the router that served this page takes WAMP clients. */
async function readSettings() {
  const response = await fetch('settings.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`settings.json: HTTP ${response.status}`);
  return response.json();
}

/** A connection that comes back by itself, to the router that served this page. */
export async function connect(listeners) {
  const { path, realm } = await readSettings();
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  stayConnected(autobahn, { url: `${scheme}://${location.host}${path}`, realm }, listeners);
}

/** A connection that comes back by itself, whatever ended it. Runs in a browser and in Node.js alike. */
export function stayConnected(autobahn, { url, realm }, { onOpen, onLost }) {
  const connection = new autobahn.Connection({
    url,
    realm,
    max_retries: -1,
    initial_retry_delay: RETRY_MS / 1000,
    max_retry_delay: 5,
  });
  connection.onopen = onOpen;
  connection.onclose = (reason, details) => {
    onLost(details.reason ?? reason);
    // When a router says GOODBYE (drain.farewell: goodbye), autobahn-js takes that for the end.
    if (!details.will_retry) setTimeout(() => connection.open(), RETRY_MS);
    return false;
  };
  connection.open();
}
