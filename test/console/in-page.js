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
