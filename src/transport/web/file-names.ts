/** A path below a directory. */
export interface FileNames {
  readonly names: readonly string[];
  /** The path ends with a slash, or is empty. */
  readonly isFolder: boolean;
}

/** Characters that no name has: separators of either system, and control characters. */
const FORBIDDEN = /[\u0000-\u001f\u007f/\\]/;

/** The library puts it in place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/**
 * The names that a request path consists of, each decoded once. `path`: as the client sent it, behind the path of the
 * route. Undefined: no file has such a path. Names that begin with a dot are among them: `..`, and files that are hidden.
 */
export function fileNamesIn(path: string): FileNames | undefined {
  const parts = path.split('/');
  // The path begins with a slash.
  if (parts[0] === '') parts.shift();
  const isFolder = parts.length === 0 || parts.at(-1) === '';
  if (isFolder) parts.pop();
  const names: string[] = [];
  for (const part of parts) {
    const name = decoded(part);
    if (name === undefined || name === '' || name.startsWith('.') || FORBIDDEN.test(name)) return undefined;
    names.push(name);
  }
  return { names, isFolder };
}

/** Undefined: escapes or bytes of it are not UTF-8. */
function decoded(part: string): string | undefined {
  if (part.includes(REPLACEMENT)) return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
