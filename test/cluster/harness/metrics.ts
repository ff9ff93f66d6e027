/** The page of /metrics as numbers: by name, or by `name{label="value"}` as it stands there. */
export type Figures = ReadonlyMap<string, number>;

export function parseMetrics(page: string): Figures {
  const figures = new Map<string, number>();
  for (const line of page.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const at = line.lastIndexOf(' ');
    figures.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return figures;
}

/** One figure; all label values together where the name has none. Undefined: the page does not know it. */
export function figure(figures: Figures, name: string): number | undefined {
  const exact = figures.get(name);
  if (exact !== undefined) return exact;
  let sum: number | undefined;
  for (const [key, value] of figures) if (key.startsWith(`${name}{`)) sum = (sum ?? 0) + value;
  return sum;
}
