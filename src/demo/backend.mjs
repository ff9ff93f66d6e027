// The votes back end as a Node.js process: `npm run demo:backend [-- ws://host:port/path [realm]]`.
import autobahn from 'autobahn';
import { WebSocket } from 'ws';
import { createBallot, serveBallot } from './public/ballot.js';
import { stayConnected } from './public/connection.js';

// Node.js has a WebSocket of its own from version 22 on. That of `ws` throws what nobody listens for.
globalThis.WebSocket ??= function (url, protocols) {
  return new WebSocket(url, protocols).on('error', () => undefined);
};

const STAND_BY_MS = 2_000;
const [url = 'ws://127.0.0.1:8080/ws', realm = 'realm1'] = process.argv.slice(2);
const ballot = createBallot();
autobahn.log.warn = () => undefined;

const tally = (counts) =>
  Object.entries(counts)
    .map(([flavour, count]) => `${flavour} ${count}`)
    .join(', ');

async function serve(session) {
  try {
    await serveBallot(autobahn, session, ballot, (procedure, counts) => console.log(`${procedure} → ${tally(counts)}`));
    console.log(`counting votes at ${url}, realm ${realm}; stop with Ctrl-C`);
  } catch (error) {
    if (!session.isOpen) return;
    console.log(
      error?.error === 'wamp.error.procedure_already_exists'
        ? 'another back end is counting; standing by'
        : `the router refused: ${error?.args?.[0] ?? error?.error ?? error}`,
    );
    setTimeout(() => void serve(session), STAND_BY_MS);
  }
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0));
stayConnected(
  autobahn,
  { transports: [{ type: 'websocket', url }], realm },
  {
    onOpen: (session) => void serve(session),
    onLost: (reason) => console.log(`no connection to ${url} (${reason}); trying again`),
  },
);
