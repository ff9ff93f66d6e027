import type { Played } from './play.js';

interface Row {
  roundCount: number;
  operationCount: number;
  violationCount: number;
  readonly healedMs: number[];
}

/** What came of each kind of fault, over many rounds. */
export class Tally {
  readonly #rows = new Map<string, Row>();
  #roundCount = 0;
  #operationCount = 0;
  #eventCount = 0;
  #strikeCount = 0;

  /** Violations are put down to the last fault before they showed. */
  add({ strikes, operationCount, eventCount, violations }: Played): void {
    this.#roundCount++;
    this.#operationCount += operationCount;
    this.#eventCount += eventCount;
    for (const [index, { label, operationCount: ownCount, healMs }] of strikes.entries()) {
      const row = this.#rows.get(label) ?? { roundCount: 0, operationCount: 0, violationCount: 0, healedMs: [] };
      this.#rows.set(label, row);
      this.#strikeCount++;
      row.roundCount++;
      row.operationCount += ownCount;
      if (index === strikes.length - 1) row.violationCount += violations.length;
      if (healMs !== undefined) row.healedMs.push(healMs);
    }
  }

  get summary(): string {
    const figures = [this.#roundCount, this.#operationCount, this.#eventCount, this.#strikeCount].map((count) =>
      count.toLocaleString('en'),
    );
    return `${figures[0]!} rounds, ${figures[1]!} operations, ${figures[2]!} events, ${figures[3]!} faults`;
  }

  /** A table in Markdown, that is read well as it stands too. */
  get table(): string {
    const rows = [...this.#rows].sort(([one], [other]) => one.localeCompare(other));
    const lines = rows.map(([label, { roundCount, operationCount, violationCount, healedMs }]) => [
      label,
      `${roundCount}`,
      operationCount.toLocaleString('en'),
      `${violationCount}`,
      ...healed(healedMs),
    ]);
    const head = ['fault', 'times', 'operations', 'violations', 'healed in, median', 'at most'];
    const widths = head.map((name, column) => Math.max(name.length, ...lines.map((line) => line[column]!.length)));
    const put = (line: readonly string[]): string =>
      `| ${line.map((text, column) => (column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!))).join(' | ')} |`;
    const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
    return [put(head), rule, ...lines.map(put)].join('\n');
  }
}

function healed(times: readonly number[]): [median: string, most: string] {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (index: number): string => (sorted[index] === undefined ? '' : `${(sorted[index] / 1_000).toFixed(1)} s`);
  return [at(Math.floor((sorted.length - 1) / 2)), at(sorted.length - 1)];
}
