import { registrationsView, subscriptionsView } from './directory.js';
import { byId, setText, shown } from './dom.js';
import { EventsView } from './events.js';
import { HistoryView } from './history.js';
import { KillDialog } from './kill.js';
import { MembersDialog } from './members.js';
import { NodesView } from './nodes.js';
import { sessionsView } from './sessions.js';
import { join } from './wamp.js';

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;

/** Present while somebody is signed in; the secret is nowhere else. */
let login;
let session;
let isRetrying = false;
let chosen = 'nodes';

/** Calls a procedure of the router. `none`: the error that means that there is no such thing, for which the result is undefined. */
async function call(procedure, args, none) {
  if (session === undefined) throw new Error('there is no connection');
  try {
    return await session.call(procedure, args);
  } catch (error) {
    if (none !== undefined && error.uri === none) return undefined;
    throw error;
  }
}

const kill = new KillDialog((id, message) =>
  session.call('wamp.session.kill', [id], message === '' ? {} : { message }),
);
const members = new MembersDialog();
const events = new EventsView(byId('events'));
const kept = new HistoryView(byId('history'));
const views = {
  nodes: new NodesView(byId('nodes'), call),
  sessions: sessionsView(byId('sessions'), call, {
    mayKill: () => kill.isAllowed,
    own: () => session?.id,
    kill: (entry) => kill.ask(entry),
  }),
  subscriptions: subscriptionsView(byId('subscriptions'), call, {
    open: (entry) => members.open('subscription', entry),
    watch: (topic, match) => {
      choose('events');
      void events.watch(topic, match);
    },
    read: (topic, match) => {
      choose('history');
      void kept.read(topic, match);
    },
  }),
  registrations: registrationsView(byId('registrations'), call, (entry) => members.open('registration', entry)),
  events,
  history: kept,
};

function choose(name) {
  chosen = name;
  for (const [each, view] of Object.entries(views)) {
    byId(each).hidden = each !== name;
    byId(`tab-${each}`).setAttribute('aria-selected', String(each === name));
    view.show(each === name);
  }
}

function showNotice(text) {
  byId('notice').hidden = text === '';
  setText(byId('notice'), text);
}

function showSignedIn(isSignedIn) {
  byId('sign-in').hidden = isSignedIn;
  byId('console').hidden = !isSignedIn;
  byId('sign-out').hidden = !isSignedIn;
  byId('join').disabled = false;
  if (!isSignedIn) setText(byId('who'), '');
}

/** Reads the path at which the router accepts WAMP clients, and the realm that the form proposes. */
async function readSettings() {
  const response = await fetch('settings.json', { cache: 'no-store' });
  if (!response.ok) throw new Error(`settings.json: HTTP ${response.status}`);
  return response.json();
}

function socketUrl(path) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

async function open() {
  const mine = login;
  const { path } = await settings;
  const opened = await join(socketUrl(path), mine, (error) => lost(error));
  if (login !== mine) {
    opened.leave();
    return;
  }
  session = opened;
  const { authid, authrole } = opened.details;
  setText(byId('who'), shown(`${mine.realm} · ${authid} (${authrole})`));
  showNotice('');
  if (!isRetrying) {
    showSignedIn(true);
    choose('nodes');
  }
  isRetrying = false;
  void members.learn(opened);
  void kill.learn(opened).then(() => views.sessions.refresh());
  for (const view of Object.values(views)) void view.begin(opened);
}

/** The session has ended: a lost connection comes back by itself, a session that the router has ended does not. */
function lost(error) {
  session = undefined;
  kill.forget();
  members.forget();
  if (error.uri !== 'lost' && error.uri !== 'wamp.close.system_shutdown') {
    signOut(`The router has ended the session: ${error.message}`);
    return;
  }
  isRetrying = true;
  showNotice('The connection to the router was lost. The page may show old data. Trying again …');
  void retry(FIRST_RETRY_MS);
}

async function retry(pauseMs) {
  const mine = login;
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  if (login !== mine || mine === undefined) return;
  try {
    await open();
  } catch (error) {
    if (login !== mine) return;
    if (error.uri === 'lost') void retry(Math.min(pauseMs * 2, LAST_RETRY_MS));
    else signOut(error.message);
  }
}

function signOut(reason) {
  login = undefined;
  isRetrying = false;
  session?.leave();
  session = undefined;
  kill.forget();
  members.forget();
  for (const view of Object.values(views)) view.end();
  showSignedIn(false);
  showNotice(reason);
}

byId('login').addEventListener('submit', (event) => {
  event.preventDefault();
  const method = byId('method').value;
  const isAnonymous = method === 'anonymous';
  login = {
    realm: byId('realm').value.trim(),
    method,
    authid: isAnonymous ? '' : byId('authid').value,
    secret: isAnonymous ? '' : byId('secret').value,
  };
  byId('secret').value = '';
  byId('join').disabled = true;
  showNotice('Connecting …');
  open().catch((error) => signOut(error.message));
});
byId('method').addEventListener('change', () => {
  const isAnonymous = byId('method').value === 'anonymous';
  for (const field of document.querySelectorAll('.secret')) field.hidden = isAnonymous;
});
// A page that nobody sees reads nothing.
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && session !== undefined) views[chosen].show(true);
});
byId('sign-out').addEventListener('click', () => signOut(''));
for (const name of Object.keys(views)) byId(`tab-${name}`).addEventListener('click', () => choose(name));

const settings = readSettings();
settings.then(
  ({ realm }) => {
    if (byId('realm').value === '') byId('realm').value = realm;
    byId('join').disabled = false;
  },
  (error) => showNotice(error.message),
);
