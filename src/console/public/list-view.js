import { make, setText } from './dom.js';
import { Entries, MAX_KNOWN } from './entries.js';
import { Table } from './table.js';

/** Rows in the document, whatever the length of the list. */
const PAGE_ROWS = 25;
const MAX_IN_FLIGHT = 8;
const RENDER_MS = 250;
/** After this time the changing part of a visible row is read again. */
const FRESH_MS = 5_000;
/** Pause after a failure. */
const PAUSE_MS = 3_000;

/**
 * One page of a list, newest first. Details are read for the rows that are shown, and for a filter those of the newest entries:
 * never for all.
 * `about`: the name of an entry (`one`, `many`); `columns`, each with its title and `fill(cell, entry)`; `read(id, known)`, which
 * resolves with the entry, or undefined when it is gone; `words(entry)`: the text that a filter looks through; `isChanging`: entries
 * are read again.
 */
export class ListView {
  entries = new Entries();
  #about;
  #filter = '';
  #page = 0;
  /** Ids in the document, and those whose details a filter needs. */
  #visible = [];
  #searched = [];
  #inFlight = new Set();
  #readAgainMs = 0;
  /** Why the list is not complete, and why details are missing. */
  #problems = { list: '', details: '' };
  #isShown = false;
  #renderTimer;
  #wakeTimer;
  #parts;

  constructor(root, about) {
    this.#about = about;
    this.#parts = build(root, about);
    const { input, previous, next } = this.#parts;
    input.addEventListener('input', () => {
      this.#filter = input.value.trim().toLowerCase();
      this.#page = 0;
      this.changed();
    });
    previous.addEventListener('click', () => this.#turn(-1));
    next.addEventListener('click', () => this.#turn(1));
  }

  /** Renders before long, but at most four times a second, and not while nobody sees the list. */
  changed() {
    if (!this.#isShown || this.#renderTimer !== undefined) return;
    this.#renderTimer = setTimeout(() => {
      this.#renderTimer = undefined;
      if (this.#isShown) this.#render();
    }, RENDER_MS);
  }

  show(isShown) {
    this.#isShown = isShown;
    if (isShown) this.#render();
  }

  /** Shown beside the number of entries. Empty: there is none. */
  setProblem(text) {
    this.#problems.list = text;
    this.changed();
  }

  clear() {
    this.entries.clear();
    this.#problems = { list: '', details: '' };
    this.#readAgainMs = 0;
    this.#page = 0;
    this.changed();
  }

  #turn(by) {
    this.#page += by;
    this.#render();
  }

  #render() {
    const found = this.#filter === '' ? undefined : this.#find();
    const count = found?.length ?? this.entries.size;
    const pages = Math.max(1, Math.ceil(count / PAGE_ROWS));
    this.#page = Math.min(Math.max(this.#page, 0), pages - 1);
    const from = this.#page * PAGE_ROWS;
    const ids = found?.slice(from, from + PAGE_ROWS) ?? this.entries.newest(from, PAGE_ROWS);
    this.#visible = ids;
    if (found === undefined) this.#searched = [];
    this.#readDetails();
    this.#parts.table.show(ids.map((id) => ({ id, ...this.entries.get(id) })));
    const { status, pageName, previous, next } = this.#parts;
    setText(status, this.#statusText(count));
    setText(pageName, `${this.#page + 1} of ${pages.toLocaleString('en')}`);
    previous.disabled = this.#page === 0;
    next.disabled = this.#page >= pages - 1;
    clearTimeout(this.#wakeTimer);
    const isWaiting = this.#readAgainMs > performance.now();
    if (isWaiting || this.#about.isChanging === true)
      this.#wakeTimer = setTimeout(() => this.changed(), isWaiting ? PAUSE_MS : FRESH_MS);
  }

  #find() {
    this.#searched = this.entries.newest(0, MAX_KNOWN);
    return this.#searched.filter((id) => {
      const entry = this.entries.get(id);
      const words = entry === undefined ? '' : this.#about.words(entry);
      return `${id} ${words}`.toLowerCase().includes(this.#filter);
    });
  }

  #statusText(count) {
    const { one, many } = this.#about;
    const { size, isFull } = this.entries;
    const total = `${size.toLocaleString('en')}${isFull ? ' or more' : ''} ${size === 1 ? one : many}`;
    const searched = size > MAX_KNOWN ? `the newest ${MAX_KNOWN.toLocaleString('en')} of ${total}` : total;
    const first = this.#filter === '' ? total : `${count.toLocaleString('en')} found in ${searched}`;
    return [first, this.#problems.list, this.#problems.details].filter((text) => text !== '').join(' · ');
  }

  /** Starts to read some of those that are missing. The next ones are read when these have come. */
  #readDetails() {
    const nowMs = performance.now();
    if (nowMs < this.#readAgainMs || !this.#isShown) return;
    const isOld = (entry) => this.#about.isChanging === true && nowMs - entry.readMs > FRESH_MS;
    for (const id of this.#visible) {
      const entry = this.entries.get(id);
      if (entry === undefined || isOld(entry)) this.#readOne(id, entry);
    }
    for (const id of this.#searched) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) return;
      if (this.entries.get(id) === undefined) this.#readOne(id);
    }
  }

  async #readOne(id, known) {
    if (this.#inFlight.size >= MAX_IN_FLIGHT || this.#inFlight.has(id) || !this.entries.has(id)) return;
    this.#inFlight.add(id);
    try {
      const entry = await this.#about.read(id, known);
      if (entry === undefined) this.entries.remove(id);
      else this.entries.remember(id, entry, performance.now());
      this.#problems.details = '';
    } catch (error) {
      this.#readAgainMs = performance.now() + PAUSE_MS;
      this.#problems.details = error.message;
    } finally {
      this.#inFlight.delete(id);
      this.#readDetails();
      this.changed();
    }
  }
}

function build(root, { many, columns }) {
  const parts = {
    input: make('input', { type: 'search', placeholder: `Filter ${many}`, 'aria-label': `Filter ${many}` }),
    status: make('p', { class: 'status', role: 'status' }),
    table: new Table(columns),
    previous: make('button', { type: 'button' }, '← Newer'),
    pageName: make('span'),
    next: make('button', { type: 'button' }, 'Older →'),
  };
  root.append(
    make('div', { class: 'tools' }, parts.input, parts.status),
    parts.table.element,
    make('nav', { class: 'pages', 'aria-label': `Pages of ${many}` }, parts.previous, parts.pageName, parts.next),
  );
  return parts;
}
