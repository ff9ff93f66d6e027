/* global autobahn */

/** Where the router that served this page takes WAMP clients. */
async function readSettings() {
  const response = await fetch('settings.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`settings.json: HTTP ${response.status}`);
  return response.json();
}

/** A connection that comes back by itself, to the router that served this page. */
export async function connect({ onOpen, onLost }) {
  const { path, realm } = await readSettings();
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const connection = new autobahn.Connection({
    url: `${scheme}://${location.host}${path}`,
    realm,
    max_retries: -1,
    initial_retry_delay: 0.5,
    max_retry_delay: 5,
  });
  connection.onopen = onOpen;
  connection.onclose = (reason) => {
    onLost(reason);
    return false;
  };
  connection.open();
  return connection;
}
