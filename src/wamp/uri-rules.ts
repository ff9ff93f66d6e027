import type { Uri } from './ids.js';
import type { MatchPolicy } from './options.js';

export interface UriRules {
  readonly uriCheck: 'loose' | 'strict';
  readonly maxUriBytes: number;
  readonly maxUriComponents: number;
}

const DOT = 0x2e;
const HASH = 0x23;

/**
 * Returns what is wrong with a URI or pattern, or undefined when nothing is. Linear in its length, which is bounded.
 * Exact: no empty component. Prefix: the last may be empty. Wildcard: any may be (URI-1, URI-3, URI-5).
 */
export function checkUri(uri: Uri, match: MatchPolicy, rules: UriRules): string | undefined {
  const { length } = uri;
  if (length > rules.maxUriBytes) return tooLong(rules);
  // SER-3: in JSON it would be binary data, and no session that uses JSON could receive it.
  if (uri.charCodeAt(0) === 0) return 'it begins with U+0000';
  const isStrict = rules.uriCheck === 'strict';
  let componentStart = 0;
  let componentCount = 1;
  let extraBytes = 0;
  for (let index = 0; index < length; index++) {
    const unit = uri.charCodeAt(index);
    if (unit === DOT) {
      if (index === componentStart && match !== 'wildcard') return 'it has an empty component';
      componentStart = index + 1;
      componentCount++;
    } else if (isStrict) {
      if (!isStrictUnit(unit)) return 'only the characters 0-9, a-z, "_" and "." are allowed here (uriCheck: strict)';
    } else if (unit < 0x80) {
      if (unit === HASH) return 'it contains "#", which is reserved';
      if (unit <= 0x20 && isSpace(unit)) return 'it contains white space';
    } else {
      if (isWideSpace(unit)) return 'it contains white space';
      extraBytes += unit < 0x800 ? 1 : 2;
      if (unit >= 0xd800 && unit <= 0xdfff) {
        if (!isPair(unit, uri.charCodeAt(index + 1))) return 'it is not well-formed Unicode';
        index++;
      }
    }
  }
  if (match === 'exact' && componentStart === length) {
    return length === 0 ? 'it is empty' : 'it has an empty component';
  }
  if (length + extraBytes > rules.maxUriBytes) return tooLong(rules);
  if (componentCount > rules.maxUriComponents) {
    return `it has more than ${rules.maxUriComponents} components (limits.maxUriComponents)`;
  }
  return undefined;
}

/** True when the first component is `wamp`: applications neither publish nor register there (URI-2). */
export function isReserved(uri: Uri): boolean {
  return uri.startsWith('wamp') && (uri.length === 4 || uri.charCodeAt(4) === DOT);
}

function tooLong(rules: UriRules): string {
  return `it is longer than ${rules.maxUriBytes} bytes (limits.maxUriBytes)`;
}

function isStrictUnit(unit: number): boolean {
  return (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x30 && unit <= 0x39) || unit === 0x5f;
}

function isPair(high: number, low: number): boolean {
  return high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff;
}

/** Characters up to U+0020 that `\s` matches, in any of the languages that clients check URIs in (URI-4). */
function isSpace(unit: number): boolean {
  return unit >= 0x1c || (unit >= 0x09 && unit <= 0x0d);
}

/** Characters above ASCII that `\s` matches in any of these languages. */
function isWideSpace(unit: number): boolean {
  if (unit < 0x1680) return unit === 0xa0 || unit === 0x85;
  return (
    (unit >= 0x2000 && unit <= 0x200a) ||
    unit === 0x1680 ||
    unit === 0x180e ||
    unit === 0x2028 ||
    unit === 0x2029 ||
    unit === 0x202f ||
    unit === 0x205f ||
    unit === 0x3000 ||
    unit === 0xfeff
  );
}
