import { make, setChildren, setText, shown } from './dom.js';

/** A column with one value of an entry as text. */
export function textColumn(title, of) {
  return { title, fill: (cell, entry) => setText(cell, shown(of(entry))) };
}

/** A table with a row for each entry, by its id: rows stay in the document as long as their entries. */
export class Table {
  #columns;
  #rows = new Map();
  #body = make('tbody');

  /** `columns`, each with its title and `fill(cell, entry)`. */
  constructor(columns) {
    this.#columns = columns;
    const head = make('tr', {}, ...columns.map(({ title }) => make('th', { scope: 'col' }, title)));
    this.element = make('table', {}, make('thead', {}, head), this.#body);
  }

  show(entries) {
    this.#rows = new Map(entries.map(({ id }) => [id, this.#rows.get(id) ?? this.#makeRow(id)]));
    for (const entry of entries) this.#fill(this.#rows.get(entry.id), entry);
    setChildren(this.#body, [...this.#rows.values()]);
  }

  #makeRow(id) {
    const cells = this.#columns.map(({ title }) => make('td', { 'data-title': title }));
    return make('tr', { 'data-id': String(id) }, ...cells);
  }

  #fill(row, entry) {
    for (const [index, { fill }] of this.#columns.entries()) fill(row.cells[index], entry);
  }
}
