// Runs in the page: it is sent there by its text and may use nothing outside itself.

/**
 * Joins by cookie, or else by a ticket, and leaves. Resolves with the identity, or with the reason of the refusal. A connection that
 * ends without either is opened anew, as applications do.
 */
export function joinByCookie({ url, ticket, farewell }) {
  return new Promise((resolve) => {
    const connection = new globalThis.autobahn.Connection({
      url,
      realm: 'realm1',
      authmethods: ['cookie', 'ticket'],
      authid: 'peter',
      onchallenge: () => ticket,
      max_retries: 2,
      initial_retry_delay: 0.2,
    });
    let identity;
    connection.onopen = (_session, { authid, authmethod }) => {
      identity = { authid, authmethod };
      if (farewell === '') connection.close();
      else connection.close(farewell);
    };
    connection.onclose = (how, { reason, will_retry: willRetry }) => {
      const outcome = identity ?? reason;
      if (!outcome && willRetry) return false;
      resolve(outcome ?? how);
      return true;
    };
    connection.open();
  });
}
