// Runs in the page: each function is sent there by its text and may use nothing outside itself.

/** What the page has left in the browser. */
export function stored() {
  return { local: localStorage.length, session: sessionStorage.length, cookie: document.cookie };
}

/** A list view with so many entries, without and with a filter that three of them match. */
export async function longList([{ ListView }, count]) {
  const root = document.createElement('div');
  let read = 0;
  const view = new ListView(root, {
    one: 'thing',
    many: 'things',
    columns: [{ title: 'Id', fill: (cell, { id }) => (cell.textContent = id) }],
    read: async (id) => {
      read++;
      return { name: id > count - 3 ? 'wanted' : 'other' };
    },
    words: ({ name }) => name,
  });
  await view.entries.load(async () => Array.from({ length: count }, (_, index) => index + 1));
  view.show(true);
  const status = () => root.querySelector('.status').textContent;
  const until = async (isDone) => {
    while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await until(() => read === 25);
  const seen = {
    status: status(),
    rows: root.querySelectorAll('tbody tr').length,
    first: root.querySelector('td').textContent,
    pages: root.querySelector('nav span').textContent,
    read,
  };
  const input = root.querySelector('input');
  input.value = 'wanted';
  input.dispatchEvent(new Event('input'));
  await until(() => read >= 2_000 && status().startsWith('3 found'));
  view.show(false);
  return { ...seen, filtered: { status: status(), read } };
}

/** The view of events, which receives so many in one moment. */
export async function flood([{ EventsView }, count]) {
  const root = document.createElement('div');
  const view = new EventsView(root);
  let receive;
  let hasUnsubscribed = false;
  view.begin({
    subscribe: async (topic, options, onEvent) => {
      receive = onEvent;
      return {};
    },
    unsubscribe: async () => {
      hasUnsubscribed = true;
    },
  });
  await view.watch('com.example.flood', 'exact');
  for (let number = 1; number <= count; number++) receive(`[36,1,${number},{},[${number}]]`);
  const status = () => root.querySelector('.status').textContent;
  while (!status().includes('stopped')) await new Promise((resolve) => setTimeout(resolve, 10));
  return { status: status(), items: root.querySelectorAll('li').length, hasUnsubscribed };
}

/** The view of subscriptions, which receives `on_subscribe` of a subscription without `on_create`. Returns its rows as text. */
export async function withoutCreate([{ subscriptionsView }]) {
  const root = document.createElement('div');
  const handlers = {};
  const details = { id: 7, uri: 'com.example.late', match: 'exact', created: '2026-01-31T12:00:00.000Z' };
  const answers = {
    'wamp.subscription.list': { exact: [], prefix: [], wildcard: [] },
    'wamp.subscription.get': details,
    'wamp.subscription.count_subscribers': 1,
  };
  const view = subscriptionsView(root, async (procedure) => answers[procedure], {});
  view.show(true);
  await view.begin({
    details: { roles: { broker: { features: { subscription_meta_api: true } } } },
    subscribe: async (topic, options, onEvent) => {
      handlers[topic] = onEvent;
      return {};
    },
  });
  const pause = () => new Promise((resolve) => setTimeout(resolve, 10));
  const status = () => root.querySelector('.status').textContent;
  while (status() !== '0 subscriptions') await pause();
  handlers['wamp.subscription.on_subscribe']('[36,1,2,{},[5,7]]');
  while (status() === '0 subscriptions' || !root.querySelector('tbody').textContent.includes('com.')) await pause();
  const rows = root.querySelector('tbody').textContent;
  view.end();
  return rows;
}
