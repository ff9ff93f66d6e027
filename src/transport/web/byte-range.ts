/** A part of a file. */
export interface ByteRange {
  readonly start: number;
  readonly byteLength: number;
}

/** The parts of a request that choose a range. */
interface Asked {
  readonly method: string;
  header(name: string): string;
}

/** Digits of a number that is exact. */
const RANGE = /^bytes=\s*(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))\s*$/i;

/**
 * The part of a file that a request asks for. `all`: the request asks for none, for several, or for one of another
 * version. `none`: the file has no byte of it.
 */
export function rangeIn(request: Asked, byteLength: number, tag: string): ByteRange | 'all' | 'none' {
  const [matched, from, to, last] = RANGE.exec(request.header('range')) ?? [];
  if (matched === undefined || request.method !== 'GET' || !isSameVersion(request.header('if-range'), tag))
    return 'all';
  if (last !== undefined) {
    const length = Math.min(Number(last), byteLength);
    return length === 0 ? 'none' : { start: byteLength - length, byteLength: length };
  }
  const start = Number(from);
  const end = to === undefined ? Infinity : Number(to);
  if (end < start) return 'all';
  if (start >= byteLength) return 'none';
  return { start, byteLength: Math.min(end + 1, byteLength) - start };
}

function isSameVersion(ifRange: string, tag: string): boolean {
  return ifRange === '' || ifRange === tag;
}
