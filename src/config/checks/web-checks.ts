import { withoutSlash } from '../../util/without-slash.js';

type Report = (path: readonly PropertyKey[], message: string) => void;

/** Something that has a path already. */
export interface TakenPath {
  readonly path: string;
  /** The setting in dotted form: `longPoll.path`. */
  readonly setting: string;
  /** Paths below it belong to it too. */
  readonly isFolder: boolean;
  /** The remedy, where it is another than a path of its own. */
  readonly remedy?: string;
}

/** The paths of one `web.paths`, and where they stand. */
export interface WebPaths {
  readonly at: readonly PropertyKey[];
  readonly paths: readonly string[];
}

/** Whether each path of `web.paths` is where its listener has nothing else. */
export function webPathsAreFree({ at: section, paths }: WebPaths, taken: readonly TakenPath[], report: Report): void {
  const seen = new Set<string>();
  for (const path of paths) {
    const own = withoutSlash(path);
    const at = [...section, path];
    if (seen.has(own)) report(at, `Path "${path}" is there twice, with and without a slash at its end`);
    seen.add(own);
    const other = taken.find((one) => overlaps(own, one));
    if (other === undefined) continue;
    const { setting, remedy = 'give one of them another path' } = other;
    report(at, `Path "${path}" is that of ${setting}: ${remedy}`);
  }
}

function overlaps(own: string, { path, isFolder }: TakenPath): boolean {
  const other = withoutSlash(path);
  return own === other || (isFolder && own.startsWith(`${other}/`));
}
