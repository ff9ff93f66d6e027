import type { Uri } from './ids.js';
import type { MatchPolicy } from './options.js';

/** Values of the placeholders `{authid}` and `{authrole}` in the URI of a permission. */
export interface PlaceholderValues {
  readonly authid: string;
  readonly authrole: string;
}

const PLACEHOLDER = /\{(authid|authrole)\}/g;
/** Everything in braces without a dot: probably a placeholder with a wrong name. */
const BRACES = /\{[^{}.]*\}/g;
const LONE_SURROGATE = /\p{Surrogate}/u;

export function hasPlaceholder(pattern: Uri): boolean {
  return pattern.includes('{authid}') || pattern.includes('{authrole}');
}

/**
 * The pattern with its placeholders replaced by escaped values. Undefined: a value has no escaped form, so the pattern
 * is for no URI at all.
 */
export function fillPlaceholders(pattern: Uri, values: PlaceholderValues): Uri | undefined {
  const authid = asComponent(values.authid);
  const authrole = asComponent(values.authrole);
  if (authid === undefined && pattern.includes('{authid}')) return undefined;
  if (authrole === undefined && pattern.includes('{authrole}')) return undefined;
  return pattern.replace(PLACEHOLDER, (found) => (found === '{authid}' ? authid : authrole) ?? '');
}

/**
 * The text as a part of one URI component: as `encodeURIComponent` writes it, and dots as `%2E`. Different texts have
 * different forms. Undefined for a text without one: the empty text, which would stand for any component of a wildcard,
 * and text that is not well-formed Unicode.
 */
export function asComponent(text: string): string | undefined {
  if (text === '' || LONE_SURROGATE.test(text)) return undefined;
  return encodeURIComponent(text).replaceAll('.', '%2E');
}

/**
 * The flaw of the placeholders in a pattern, or undefined. Each pattern that has none gives different authids spaces
 * without a common URI: two placeholders in one component could give two principals the same one, and a prefix that
 * ends within the component of a placeholder would give `joe` the space of `joey`.
 */
export function placeholderFlaw(pattern: Uri, match: MatchPolicy): string | undefined {
  for (const [found] of pattern.matchAll(BRACES))
    if (found !== '{authid}' && found !== '{authrole}')
      return `${found} is no placeholder: the placeholders are {authid} and {authrole}`;
  const components = pattern.split('.');
  if (components[0] === '{authid}' || components[0] === '{authrole}')
    return 'a placeholder cannot be the first component: a name such as "com" or "wamp" would have every URI below it';
  for (const component of components)
    if ((component.match(PLACEHOLDER)?.length ?? 0) > 1) return 'a component has more than one placeholder';
  if (match === 'prefix' && hasPlaceholder(components.at(-1) ?? ''))
    return 'with match: prefix a dot must follow the component that has a placeholder';
  return undefined;
}

/** The pattern with a sound value in place of each placeholder, for checks of its form. */
export function withSamples(pattern: Uri): Uri {
  return pattern.replace(PLACEHOLDER, 'x');
}
