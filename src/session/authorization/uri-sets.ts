import type { Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { unreachable } from '../../wamp/unreachable.js';

/** The URIs that a URI or pattern matches (PBR-2, PBR-3). */
export type UriSet =
  | { readonly match: 'exact'; readonly uri: Uri; readonly components: readonly string[] }
  | { readonly match: 'prefix'; readonly uri: Uri; readonly components: readonly string[] }
  /** An empty component stands for any one. */
  | { readonly match: 'wildcard'; readonly uri: Uri; readonly components: readonly string[] };

export function toUriSet(uri: Uri, match: MatchPolicy): UriSet {
  return { match, uri, components: uri.split('.') };
}

/** True if every URI of `inner` is one of `outer`. */
export function covers(outer: UriSet, inner: UriSet): boolean {
  switch (outer.match) {
    case 'exact':
      return inner.match !== 'prefix' && inner.uri === outer.uri && !inner.components.includes('');
    case 'prefix':
      return certainStart(inner).startsWith(outer.uri);
    case 'wildcard':
      // A prefix has URIs of any number of components, a wildcard of one number only.
      return (
        inner.match !== 'prefix' && everyComponent(outer, inner, (wanted, given) => wanted === '' || wanted === given)
      );
    default:
      return unreachable(outer);
  }
}

/** True if some URI may be in both. */
export function overlaps(one: UriSet, other: UriSet): boolean {
  if (one.match === 'prefix') return meetsPrefix(other, one.uri);
  if (other.match === 'prefix') return meetsPrefix(one, other.uri);
  return everyComponent(one, other, (left, right) => left === '' || right === '' || left === right);
}

/** Orders the more specific first: exact, longer prefix, better wildcard (PBR-4, PBR-5). */
export function compareSpecificity(one: UriSet, other: UriSet): number {
  if (one.match !== other.match) return RANK[one.match] - RANK[other.match];
  if (one.match === 'prefix') return other.uri.length - one.uri.length;
  if (one.match === 'exact') return 0;
  if (one.components.length !== other.components.length) return one.components.length - other.components.length;
  // The first component that is literal in one and any in the other ends the longer literal run.
  for (const [index, component] of one.components.entries()) {
    const isAny = component === '';
    const isOtherAny = other.components[index] === '';
    if (isAny !== isOtherAny) return isAny ? 1 : -1;
  }
  return 0;
}

const RANK: Readonly<Record<MatchPolicy, number>> = { exact: 0, prefix: 1, wildcard: 2 };

/** The prefix of all URIs of the set. */
function certainStart({ match, uri, components }: UriSet): string {
  if (match !== 'wildcard') return uri;
  const anyAt = components.indexOf('');
  if (anyAt === -1) return uri;
  return components
    .slice(0, anyAt)
    .map((component) => `${component}.`)
    .join('');
}

function meetsPrefix(set: UriSet, prefix: Uri): boolean {
  if (set.match === 'exact') return set.uri.startsWith(prefix);
  if (set.match === 'prefix') return set.uri.startsWith(prefix) || prefix.startsWith(set.uri);
  const wanted = prefix.split('.');
  const last = wanted.length - 1;
  if (last >= set.components.length) return false;
  return wanted.every((component, index) => {
    const given = set.components[index] ?? '';
    return given === '' || (index === last ? given.startsWith(component) : given === component);
  });
}

function everyComponent(one: UriSet, other: UriSet, fits: (one: string, other: string) => boolean): boolean {
  if (one.components.length !== other.components.length) return false;
  return one.components.every((component, index) => fits(component, other.components[index] ?? ''));
}
