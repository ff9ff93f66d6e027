import { make } from './dom.js';
import { Follower } from './follower.js';
import { ListView } from './list-view.js';
import { textColumn as text } from './table.js';

/** The sessions of the realm. `actions`: `mayKill()`, `own()` the id of this page's session, and `kill(entry)`. */
export function sessionsView(root, call, actions) {
  const view = new ListView(root, {
    one: 'session',
    many: 'sessions',
    columns: [
      text('Session', ({ id }) => id),
      text('Authid', ({ authid }) => authid),
      text('Role', ({ authrole }) => authrole),
      text('Method', ({ authmethod }) => authmethod),
      text(
        'Transport',
        ({ transport }) => transport && `${transport.type}, ${transport.serializer ?? transport.protocol}`,
      ),
      { title: 'Close', fill: (cell, entry) => fillAction(cell, entry, actions) },
    ],
    read: (id) => call('wamp.session.get', [id], 'wamp.error.no_such_session'),
    words: ({ authid, authrole, authmethod }) => `${authid} ${authrole} ${authmethod}`,
  });
  return new Follower(view, {
    role: 'broker',
    feature: 'session_meta_api',
    topics: {
      'wamp.session.on_join': ([details], entries) => {
        entries.add(details.session);
        entries.remember(details.session, details, performance.now());
      },
      'wamp.session.on_leave': ([id], entries) => entries.remove(id),
    },
    list: () => call('wamp.session.list'),
  });
}

function fillAction(cell, entry, { mayKill, own, kill }) {
  const what = entry.id === own() ? 'own' : mayKill() ? 'kill' : 'none';
  if (cell.dataset.action !== what) {
    cell.dataset.action = what;
    const button = make('button', { type: 'button', class: 'danger' }, 'Close…');
    button.addEventListener('click', () => kill(cell.entry));
    cell.replaceChildren(what === 'own' ? 'this page' : what === 'kill' ? button : '–');
  }
  cell.entry = entry;
}
