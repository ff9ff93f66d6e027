import { make, setText, shown } from './dom.js';
import { Follower } from './follower.js';
import { ListView } from './list-view.js';
import { textColumn as text } from './table.js';

/** `{ exact, prefix, wildcard }` as one list. */
const allIds = ({ exact, prefix, wildcard }) => [...exact, ...prefix, ...wildcard];

/** Effects of `on_…` events on a list: events of an entry's life, and events of its members. */
function topicsOf(prefix, joined, left) {
  return {
    [`${prefix}.on_create`]: ([, details], entries) => entries.add(details.id),
    // `on_create` may be missing (docs/meta-api.md).
    [`${prefix}.${joined}`]: ([, id], entries) => {
      entries.add(id);
      entries.touch(id);
    },
    [`${prefix}.${left}`]: ([, id], entries) => entries.touch(id),
    [`${prefix}.on_delete`]: ([, id], entries) => entries.remove(id),
  };
}

/** Reads an entry, of which only the number of its members changes. */
async function read(call, id, known, procedures, none) {
  const entry = known ?? (await call(procedures.get, [id], none));
  const members = entry && (await call(procedures.count, [id], none));
  return members === undefined ? undefined : { ...entry, members };
}

/** `open(entry)` shows the callees of a registration. */
export function registrationsView(root, call, open) {
  const procedures = { get: 'wamp.registration.get', count: 'wamp.registration.count_callees' };
  const view = new ListView(root, {
    one: 'registration',
    many: 'registrations',
    columns: [
      text('Procedure', ({ uri }) => uri),
      text('Match', ({ match }) => match),
      text('Policy', ({ invoke }) => invoke),
      { title: 'Callees', fill: (cell, entry) => fillMembers(cell, entry, open) },
      text('Since', ({ created }) => since(created)),
    ],
    read: (id, known) => read(call, id, known, procedures, 'wamp.error.no_such_registration'),
    words: ({ uri, match, invoke }) => `${uri} ${match} ${invoke}`,
    isChanging: true,
  });
  return new Follower(view, {
    role: 'dealer',
    feature: 'registration_meta_api',
    topics: topicsOf('wamp.registration', 'on_register', 'on_unregister'),
    list: async () => allIds(await call('wamp.registration.list')),
  });
}

/**
 * `actions`: `open(entry)` shows the subscribers of a subscription, `watch(topic, match)` its events, and `read(topic, match)` its
 * history.
 */
export function subscriptionsView(root, call, { open, watch, read: readHistory }) {
  const procedures = { get: 'wamp.subscription.get', count: 'wamp.subscription.count_subscribers' };
  const view = new ListView(root, {
    one: 'subscription',
    many: 'subscriptions',
    columns: [
      text('Topic', ({ uri }) => uri),
      text('Match', ({ match }) => match),
      { title: 'Subscribers', fill: (cell, entry) => fillMembers(cell, entry, open) },
      text('Since', ({ created }) => since(created)),
      { title: 'Events', fill: (cell, entry) => fillEvents(cell, entry, { Watch: watch, History: readHistory }) },
    ],
    read: (id, known) => read(call, id, known, procedures, 'wamp.error.no_such_subscription'),
    words: ({ uri, match }) => `${uri} ${match}`,
    isChanging: true,
  });
  return new Follower(view, {
    role: 'broker',
    feature: 'subscription_meta_api',
    topics: topicsOf('wamp.subscription', 'on_subscribe', 'on_unsubscribe'),
    list: async () => allIds(await call('wamp.subscription.list')),
  });
}

/** A button with the number of members. */
function fillMembers(cell, entry, open) {
  if (cell.entry === undefined) {
    const button = make('button', { type: 'button' });
    button.addEventListener('click', () => open(cell.entry));
    cell.replaceChildren(button);
  }
  cell.entry = entry;
  cell.firstChild.disabled = entry.uri === undefined;
  setText(cell.firstChild, shown(entry.members));
  cell.firstChild.setAttribute('aria-label', `${cell.dataset.title}: ${shown(entry.members)}`);
}

/** `actions`: what each button does with topic and match. */
function fillEvents(cell, entry, actions) {
  if (cell.entry === undefined) {
    const buttons = Object.entries(actions).map(([name, act]) => {
      const button = make('button', { type: 'button' }, name);
      button.addEventListener('click', () => act(cell.entry.uri, cell.entry.match));
      return button;
    });
    cell.replaceChildren(make('div', { class: 'buttons' }, ...buttons));
  }
  cell.entry = entry;
  for (const button of cell.firstChild.children) button.disabled = entry.uri === undefined;
}

function since(created) {
  return typeof created === 'string' ? created.replace('T', ' ').replace(/\.\d+Z$/, ' UTC') : created;
}
