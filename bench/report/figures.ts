export interface Target {
  readonly relation: 'at least' | 'at most';
  readonly value: number;
}

/** One column of a table: a value for each run. */
export interface Figure {
  readonly label: string;
  readonly unit: string;
  readonly values: readonly number[];
  readonly target: Target | null;
}

/** One row of a table. */
export interface CaseResult {
  readonly scenario: string;
  readonly name: string;
  readonly figures: readonly Figure[];
  /** Why there are no figures: the router did what it must not, or broke down. */
  readonly failure: string | null;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function figure(label: string, unit: string, values: readonly number[], target: Target | null = null): Figure {
  return { label, unit, values, target };
}

export function atLeast(value: number): Target {
  return { relation: 'at least', value };
}

export function atMost(value: number): Target {
  return { relation: 'at most', value };
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: median(sorted), least: sorted[0] ?? NaN, most: sorted[sorted.length - 1] ?? NaN };
}

export function medianOf(values: readonly number[]): number {
  return spreadOf(values).median;
}

/** Null where there is nothing to reach. */
export function isReached({ values, target }: Figure): boolean | null {
  if (target === null) return null;
  const value = medianOf(values);
  return target.relation === 'at least' ? value >= target.value : value <= target.value;
}

function median(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Three significant digits. */
export function shortNumber(value: number): string {
  if (Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (size >= 1e4) return `${(value / 1e3).toPrecision(3)} k`;
  if (size >= 100) return value.toFixed(0);
  return size === 0 ? '0' : String(Number(value.toPrecision(3)));
}
