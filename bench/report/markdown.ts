import { isReached, shortNumber, spreadOf, type CaseResult, type Figure } from './figures.js';
import type { Report } from './report-data.js';

/** Rows are cases, columns are figures; a cell is the median and, in brackets, the least and the most of its runs. */
export function markdown(report: Report): string {
  const sections = report.scenarios.flatMap(({ name, about }) => {
    const cases = report.cases.filter(({ scenario }) => scenario === name);
    return cases.length === 0 ? [] : [`## ${name}`, about, ...table(cases), ...failures(cases)];
  });
  const note = report.note === null ? [] : [report.note];
  return `${[`# Benchmark: ${report.name}`, ...note, circumstances(report), ...verdict(report), ...sections, closing(report)].join('\n\n')}\n`;
}

function circumstances(report: Report): string {
  const { date, command, commit, machine, settings, redis, durationSeconds, loadAverages } = report;
  const changed = commit.hasLocalChanges ? ' with local changes' : '';
  const first = redis === null ? 'the router alone' : 'all nodes, Redis and the pipe';
  const cores = machine.pinned
    ? `${first} on core 0, load and runner on the others`
    : 'no core pinned: taskset or a second core is missing';
  const servers = redis === null ? report.routers : [...report.routers, { name: 'store', version: redis }];
  const loads = loadAverages.map((averages) => averages.map(shortNumber).join(', '));
  return [
    `- ${date}, commit \`${commit.id}\`${changed}, \`${command}\`, ${Math.round(durationSeconds)} s`,
    `- ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.kernel}; ${cores}`,
    `- Node ${machine.node}, uWebSockets.js ${machine.uWebSockets}`,
    `- ${servers.map(({ name, version }) => `${name}: ${version}`).join('; ')}`,
    `- Load average over 1, 5 and 15 minutes, the bench's own included: ${loads.join(' before, ')} after`,
    `- ${settings.runs} runs of each case with each router in turn after ${settings.coldRuns} that does not count, ${settings.measureMs} ms each after ${settings.warmupMs} ms of warm-up;` +
      ` ${settings.memoryRuns} of those that measure memory, each with a router of its own${redis === null ? '' : ', and of the storms'}`,
    '- Cells: median of the runs (least–most). ✓ and ✗ say whether the median reaches the target in the column head or cell.',
  ].join('\n');
}

function verdict({ cases, missing }: Report): string[] {
  const judged = cases.flatMap((one) => one.figures.map((figure) => ({ one, figure, reached: isReached(figure) })));
  const missed = judged.filter(({ reached }) => reached === false);
  const counted = judged.filter(({ reached }) => reached !== null).length;
  const failed = cases.filter(({ failure }) => failure !== null).length;
  const lines = [
    `**${counted - missed.length} of ${counted} targets reached.**${failed === 0 ? '' : ` **${failed} cases failed.**`}`,
    ...missed.map(({ one, figure }) => {
      const { median } = spreadOf(figure.values);
      const { relation, value } = figure.target!;
      return `- missed: ${one.scenario} ${one.name}: ${figure.label} ${shortNumber(median)} ${figure.unit}, ${relation} ${value} wanted`;
    }),
    ...missing.map((why) => `- not here: ${why}`),
  ];
  return [lines.join('\n')];
}

function table(cases: readonly CaseResult[]): string[] {
  const columns = columnsOf(cases);
  if (columns.length === 0) return [];
  const head = ['case', ...columns.map(({ label, unit }) => (unit === '' ? label : `${label} [${unit}]`))];
  const rows = cases.map((one) => [
    one.name,
    ...columns.map(({ label }) => cell(one.figures.find((figure) => figure.label === label))),
  ]);
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [[head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')];
}

function columnsOf(cases: readonly CaseResult[]): Figure[] {
  const columns = new Map<string, Figure>();
  for (const one of cases) {
    for (const figure of one.figures) if (!columns.has(figure.label)) columns.set(figure.label, figure);
  }
  return [...columns.values()];
}

function cell(figure: Figure | undefined): string {
  if (figure === undefined) return '';
  const { median, least, most } = spreadOf(figure.values);
  const spread =
    figure.values.length < 2 || Number.isNaN(median) ? '' : ` (${shortNumber(least)}–${shortNumber(most)})`;
  const reached = isReached(figure);
  const sign = figure.target?.relation === 'at least' ? '≥' : '≤';
  const mark = figure.target === null ? '' : ` ${reached === true ? '✓' : '✗'} ${sign}${figure.target.value}`;
  return `${shortNumber(median)}${spread}${mark}`;
}

function failures(cases: readonly CaseResult[]): string[] {
  return cases.filter(({ failure }) => failure !== null).map(({ name, failure }) => `${name} failed: ${failure ?? ''}`);
}

function closing({ notMeasured }: Report): string {
  return `## Not measured\n\n${notMeasured}`;
}
