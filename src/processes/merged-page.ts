/** The metrics of one process, or of the parent, as text. */
export interface ProcessPage {
  readonly process: number | 'parent';
  readonly page: string;
}

/** Lines of one metric: HELP and TYPE, then the samples of each process. */
interface Family {
  readonly head: string[];
  readonly samples: string[];
}

/**
 * One metrics page from the pages of several processes: each sample gets the label `process`. A page is in the text
 * format of Prometheus, and each of its metrics begins with its HELP. O(lines).
 */
export function mergedPage(pages: readonly ProcessPage[]): string {
  const families = new Map<string, Family>();
  for (const { process, page } of pages) {
    let family: Family | undefined;
    let isFirst = false;
    for (const line of page.split('\n')) {
      const [, name] = /^# HELP (\S+)/.exec(line) ?? [];
      if (name !== undefined) {
        isFirst = !families.has(name);
        family = families.get(name) ?? { head: [], samples: [] };
        families.set(name, family);
      }
      if (family === undefined || line === '') continue;
      if (!line.startsWith('#')) family.samples.push(withProcess(line, process));
      else if (isFirst) family.head.push(line);
    }
  }
  return `${[...families.values()].flatMap(({ head, samples }) => [...head, ...samples]).join('\n')}\n`;
}

function withProcess(sample: string, process: ProcessPage['process']): string {
  const at = sample.search(/[{ ]/);
  const [name, rest] = [sample.slice(0, at), sample.slice(at)];
  return rest.startsWith('{')
    ? `${name}{process="${process}",${rest.slice(1)}`
    : `${name}{process="${process}"}${rest}`;
}
