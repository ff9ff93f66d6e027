import { setTimeout as pause } from 'node:timers/promises';

/** The samples of a metrics page, by name and labels as they stand there. */
export type Page = ReadonlyMap<string, number>;

/** A connection that is lost, and so a reading, is no fault of what is measured: it is read again. */
const MAX_ATTEMPTS = 3;
const RETRY_MS = 100;

export async function readPage(opsUrl: string): Promise<Page> {
  const response = await fetchPage(`${opsUrl}/metrics`);
  if (!response.ok) throw new Error(`${opsUrl}/metrics answers ${response.status}`);
  return parsePage(await response.text());
}

async function fetchPage(url: string): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetch(url);
    } catch (error) {
      const { cause } = error as Error;
      if (attempt === MAX_ATTEMPTS) throw new Error(`${url} cannot be read: ${String(cause ?? error)}`, { cause });
      await pause(RETRY_MS);
    }
  }
}

export function parsePage(text: string): Page {
  const page = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (at > 0 && !line.startsWith('#')) page.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return page;
}

/** The pages of the processes behind a page of their parent, by the value of the label `process`: `parent` is one of them. */
export function pagesByProcess(page: Page): ReadonlyMap<string, Page> {
  const pages = new Map<string, Map<string, number>>();
  for (const [key, value] of page) {
    const [, name = '', process, rest = ''] = /^([^{]+)\{process="([^"]*)"(?:,(.*))?\}$/.exec(key) ?? [];
    if (process === undefined) continue;
    const own = pages.get(process) ?? new Map<string, number>();
    own.set(rest === '' ? name : `${name}{${rest}}`, value);
    pages.set(process, own);
  }
  return pages;
}

/** A sample that must be there. */
export function sample(page: Page, name: string): number {
  const value = page.get(name);
  if (value === undefined) throw new Error(`the metrics page has no ${name}`);
  return value;
}

/** Quantile of the observations between two pages, interpolated within its bucket as Prometheus does. NaN without observations. */
export function quantileBetween(before: Page, after: Page, name: string, share: number): number {
  const start = `${name}_bucket{le="`;
  const buckets = [...after]
    .filter(([key]) => key.startsWith(start))
    .map(([key, count]) => ({ bound: boundOf(key.slice(start.length)), count: count - (before.get(key) ?? 0) }))
    .sort((a, b) => a.bound - b.bound);
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return NaN;
  const rank = share * total;
  let lower = { bound: 0, count: 0 };
  for (const bucket of buckets) {
    if (bucket.count < rank) {
      lower = bucket;
      continue;
    }
    if (bucket.bound === Infinity) return lower.bound;
    return lower.bound + ((bucket.bound - lower.bound) * (rank - lower.count)) / (bucket.count - lower.count);
  }
  return NaN;
}

function boundOf(rest: string): number {
  const text = rest.slice(0, rest.indexOf('"'));
  return text === '+Inf' ? Infinity : Number(text);
}
