import { connect } from './connection.js';
import { FLAVOURS, NO_BACK_END, PROCEDURES, TOPICS } from './ballot.js';

const LOOK_AGAIN_MS = 2_000;

const notice = document.querySelector('#notice');
const total = document.querySelector('#total');
const reset = document.querySelector('#reset');
const cards = new Map(FLAVOURS.map((flavour) => [flavour, createCard(flavour)]));
let session;
let live;

function createCard(flavour) {
  const card = document.querySelector('#flavour').content.cloneNode(true).querySelector('li');
  const button = card.querySelector('button');
  button.dataset.flavour = flavour;
  card.querySelector('.name').textContent = flavour;
  button.addEventListener('click', () => ask(PROCEDURES.vote, [flavour]));
  document.querySelector('#flavours').append(card);
  return { button, count: card.querySelector('.count'), fill: card.querySelector('.fill') };
}

function showNotice(text, mood) {
  notice.textContent = text;
  notice.dataset.mood = mood;
}

function enable(isEnabled) {
  for (const { button } of cards.values()) button.disabled = !isEnabled;
  reset.disabled = !isEnabled;
}

function show(counts) {
  const sum = FLAVOURS.reduce((soFar, flavour) => soFar + counts[flavour], 0);
  for (const [flavour, { count, fill }] of cards) {
    count.textContent = counts[flavour];
    fill.style.transform = `scaleX(${sum === 0 ? 0 : counts[flavour] / sum})`;
  }
  total.textContent = sum === 0 ? 'No votes yet' : `${sum} ${sum === 1 ? 'vote' : 'votes'}`;
  if (notice.dataset.mood !== 'good') showNotice(live, 'good');
  enable(true);
}

/** Calls the back end and shows what it answers; says so when there is none. */
async function ask(procedure, args = []) {
  try {
    show(await session.call(procedure, args));
  } catch (error) {
    if (NO_BACK_END.has(error?.error)) {
      enable(false);
      showNotice('Nobody counts: no back end is running. Open one in a tab, or run “npm run demo:backend”.', 'bad');
    } else if (session?.isOpen) {
      showNotice(`The back end refused: ${error?.args?.[0] ?? error?.error ?? error}`, 'bad');
    }
  }
}

reset.addEventListener('click', () => ask(PROCEDURES.reset));

await connect({
  onOpen: async (opened, { transport }) => {
    session = opened;
    live =
      transport.type === 'longpoll'
        ? 'Live over HTTP long-poll, as no WebSocket opens here: counts change as people vote.'
        : 'Live: counts change as people vote.';
    await session.subscribe(TOPICS.changed, ([counts]) => show(counts));
    await ask(PROCEDURES.list);
  },
  onLost: () => {
    enable(false);
    showNotice('The router cannot be reached. Trying again …', 'bad');
  },
});

// A back end that goes away says nothing: look whether it is still there.
setInterval(() => {
  if (session?.isOpen) void ask(PROCEDURES.list);
}, LOOK_AGAIN_MS);
