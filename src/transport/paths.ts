import { withoutSlash } from '../util/without-slash.js';

/** The paths of the WebSocket as a list. */
export function pathsOf(path: string | readonly string[]): readonly string[] {
  return typeof path === 'string' ? [path] : path;
}

/** Every path that clients may ask for: each with and without a slash at its end. */
export function pathVariants(path: string | readonly string[]): readonly string[] {
  const variants = new Set<string>();
  for (const each of pathsOf(path)) {
    const trimmed = withoutSlash(each);
    if (trimmed !== '') variants.add(trimmed);
    variants.add(`${trimmed}/`);
  }
  return [...variants];
}
