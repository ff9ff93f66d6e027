import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../settings.js';
import type { CaseResult } from './figures.js';
import { isReached, medianOf, shortNumber, spreadOf } from './figures.js';
import { markdown } from './markdown.js';
import type { Report } from './report-data.js';

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
