// Runs in the page: it is sent there by its text and may use nothing outside itself.

/** A session over long-poll that is opened again when it is lost. The page can use it as `session`, and count in `joins`. */
export function stayOverLongPoll({ url, topic }) {
  const page = globalThis;
  page.joins = 0;
  page.events = [];
  page.transports = [];
  const connection = new page.autobahn.Connection({
    transports: [{ type: 'longpoll', url }],
    realm: 'realm1',
    max_retries: -1,
    initial_retry_delay: 0.2,
    max_retry_delay: 0.5,
  });
  return new Promise((resolve) => {
    connection.onopen = async (session, { transport }) => {
      page.session = session;
      page.transports.push(transport);
      await session.subscribe(topic, ([text]) => page.events.push(text));
      await session.register(`${topic}.join.${page.joins}`, (words) => words.join(' '));
      page.joins++;
      resolve(transport.type);
    };
    connection.onclose = () => false;
    connection.open();
  });
}

/** The result, or the error, of a call from the page. */
export async function callFromPage({ procedure, args }) {
  try {
    return await globalThis.session.call(procedure, args);
  } catch (error) {
    return error.error;
  }
}

/**
 * A session over long-poll that notes the numbers it receives; when it is lost, another one takes its place. The page has in `lives` one
 * entry for each session: the address of its transport, its numbers, and the reason of its end.
 *
 * Each session has a connection of its own. One connection that reconnects mixes up its sessions after a failed `send`: autobahn-js
 * still processes the answer to the poll in flight, and a poll that fails then is reported as the end of the session that came next.
 */
export function noteNumbersOverLongPoll({ url, topic }) {
  const page = globalThis;
  // A browser without it, for autobahn-js.
  delete page.WebSocket;
  page.lives = [];
  return new Promise((resolve) => {
    const live = () => {
      const life = { url: '', numbers: [], end: undefined };
      const connection = new page.autobahn.Connection({
        transports: [
          { type: 'websocket', url: `${url.replace('http', 'ws')}/ws` },
          { type: 'longpoll', url: `${url}/lp` },
        ],
        realm: 'realm1',
      });
      connection.onopen = async (session, { transport }) => {
        life.url = transport.url;
        await session.subscribe(topic, ([number]) => life.numbers.push(number));
        if (life.end === undefined) page.lives.push(life);
        resolve();
      };
      connection.onclose = (reason) => {
        if (life.end === undefined) setTimeout(live, 200);
        life.end ??= reason;
        return true;
      };
      connection.open();
    };
    live();
  });
}
