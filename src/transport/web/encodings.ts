/** An encoding in which a file may lie beside the original, and the end of its name. */
export interface Encoding {
  readonly name: 'br' | 'gzip';
  readonly suffix: string;
}

/** The best first. */
const ENCODINGS: readonly Encoding[] = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
];

/** The encodings that the client takes (`Accept-Encoding`), the best first. */
export function acceptedEncodings(header: string): readonly Encoding[] {
  const weights = new Map<string, number>();
  for (const entry of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = entry.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(name, weight === undefined ? 1 : Number(weight.slice('q='.length)));
  }
  const everything = weights.get('*') ?? 0;
  return ENCODINGS.filter(({ name }) => (weights.get(name) ?? everything) > 0);
}
