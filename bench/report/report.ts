import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../settings.js';
import type { CaseResult } from './figures.js';
import { isReached, medianOf, spreadOf } from './figures.js';
import type { Commit, Machine } from './machine.js';
import { markdown } from './markdown.js';

export interface Report {
  readonly name: string;
  readonly date: string;
  readonly command: string;
  readonly commit: Commit;
  readonly machine: Machine;
  readonly settings: Settings;
  readonly routers: readonly { readonly name: string; readonly version: string }[];
  /** The server between the nodes of a cluster. */
  readonly redis: string | null;
  readonly scenarios: readonly { readonly name: string; readonly about: string }[];
  readonly durationSeconds: number;
  /** Of the whole machine, over 1, 5 and 15 minutes: before and after. */
  readonly loadAverages: readonly (readonly number[])[];
  readonly cases: readonly CaseResult[];
  /** Routers that could not be had, and why. */
  readonly missing: readonly string[];
  /** What whoever ran it has to say. */
  readonly note: string | null;
  readonly notMeasured: string;
}

/** Writes the report as JSON and Markdown and returns both paths. */
export async function writeReport(report: Report, directory: string): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const stem = join(directory, `${report.date.slice(0, 10)}-${report.name}`);
  await writeFile(`${stem}.json`, `${JSON.stringify(plain(report), null, 2)}\n`);
  await writeFile(`${stem}.md`, markdown(report));
  return [`${stem}.json`, `${stem}.md`];
}

function plain(report: Report): object {
  return {
    ...report,
    cases: report.cases.map((one) => ({
      ...one,
      figures: one.figures.map((figure) => ({ ...figure, ...spreadOf(figure.values), reached: isReached(figure) })),
    })),
  };
}

/** One line for the terminal. A smoke run says that it works, not how fast: nothing is judged by its figures. */
export function summaryLine({ scenario, name, figures, failure }: CaseResult, mode: Settings['mode']): string {
  if (failure !== null) return `${scenario} ${name}: FAILED: ${failure}`;
  if (mode === 'smoke') return `${scenario} ${name}: works`;
  const parts = figures.slice(0, 5).map((figure) => {
    const mark = isReached(figure) === false ? ' (missed)' : '';
    const unit = figure.unit === '' || figure.unit === '/s' ? '' : ` ${figure.unit}`;
    return `${figure.label} ${shortNumber(medianOf(figure.values))}${unit}${mark}`;
  });
  return `${scenario} ${name}: ${parts.join(', ')}`;
}

/** Three digits that count. */
export function shortNumber(value: number): string {
  if (Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (size >= 1e4) return `${(value / 1e3).toPrecision(3)} k`;
  if (size >= 100) return value.toFixed(0);
  return size === 0 ? '0' : String(Number(value.toPrecision(3)));
}
