/* global autobahn */
import { connect } from './connection.js';
import { createBallot, serveBallot } from './ballot.js';

const MAX_LINES = 12;
const STAND_BY_MS = 2_000;

const notice = document.querySelector('#notice');
const log = document.querySelector('#log');
const ballot = createBallot();

function showNotice(text, mood) {
  notice.textContent = text;
  notice.dataset.mood = mood;
}

function record(procedure, counts) {
  const line = document.createElement('li');
  const tally = Object.entries(counts).map(([flavour, count]) => `${flavour} ${count}`);
  line.textContent = `${procedure} → ${tally.join(', ')}`;
  log.prepend(line);
  while (log.children.length > MAX_LINES) log.lastChild.remove();
}

/** Serves, or waits until the back end that already does has gone. */
async function serve(session) {
  try {
    await serveBallot(autobahn, session, ballot, record);
    showNotice('Counting votes.', 'good');
  } catch (error) {
    if (!session.isOpen) return;
    showNotice(
      error?.error === 'wamp.error.procedure_already_exists'
        ? 'Another back end is counting. Standing by …'
        : `The router refused: ${error?.args?.[0] ?? error?.error ?? error}`,
      'bad',
    );
    setTimeout(() => void serve(session), STAND_BY_MS);
  }
}

await connect({
  onOpen: serve,
  onLost: () => showNotice('The router cannot be reached. Trying again …', 'bad'),
});
