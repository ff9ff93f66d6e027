/** The path without slashes at its end, so that `/a` and `/a/` are equal; empty for the root. */
export function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '');
}
