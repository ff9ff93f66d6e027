/** Entries that one sweep looks at: more than one for each that is added, so that the table shrinks again. */
const SWEPT = 2;

/** Removes the first entries of a table that are over, and moves the others behind all. To be called for each entry that is added. */
export function sweep<Key, Value>(table: Map<Key, Value>, isOver: (value: Value) => boolean): void {
  let left = SWEPT;
  for (const [key, value] of table) {
    table.delete(key);
    if (!isOver(value)) table.set(key, value);
    if (--left === 0) return;
  }
}
