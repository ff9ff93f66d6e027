/* global autobahn, seenJoined, seenOver */
// Runs in a page with autobahn-js: sent there by its text, it may use nothing outside itself.

/** A session with the library's own reconnection, which reports what it does. */
export function openInPage(url) {
  const connection = new autobahn.Connection({ url, realm: 'realm1' });
  connection.onopen = () => seenJoined();
  connection.onclose = (_how, { will_retry: willRetry }) => {
    if (!willRetry) seenOver();
    return false;
  };
  connection.open();
}
