import { settingAt } from './settings.js';

/**
 * The settings from files, variables and flags so far: later ones replace earlier ones, setting by setting, lists as a
 * unit.
 */
export class Draft {
  readonly tree: Record<string, unknown> = emptySection();
  readonly #sources = new Map<string, string>();

  /** Writes a value, or all that a section holds. `source` is what a fault in it will be blamed on. */
  write(path: readonly string[], value: unknown, source: string): void {
    const setting = settingAt(path.join('.'));
    const isSection = path.length === 0 || setting?.kind === 'section';
    // `tls:` with every line below it commented out reads as null.
    if (isSection && value === null) return;
    this.#blame(path, source);
    if (!isSection || !isDict(value)) this.#place(path, value);
    else {
      this.#open(path);
      for (const [key, inner] of Object.entries(value)) this.write([...path, key], inner, source);
    }
  }

  /** The source of the value at this path; of a missing value, the source of what surrounds it. */
  sourceOf(path: readonly PropertyKey[]): string | undefined {
    for (let length = path.length; length > 0; length--) {
      const source = this.#sources.get(JSON.stringify(path.slice(0, length)));
      if (source !== undefined) return source;
    }
    return undefined;
  }

  /** The source of the setting that contains this path; undefined when it has its default. */
  sourceOfValue(path: readonly PropertyKey[]): string | undefined {
    for (let length = path.length; length > 0; length--) {
      const setting = path.slice(0, length);
      if (settingAt(setting.join('.')) !== undefined) return this.#sources.get(JSON.stringify(setting));
    }
    return undefined;
  }

  #blame(path: readonly string[], source: string): void {
    for (let length = path.length; length > 0; length--) {
      this.#sources.set(JSON.stringify(path.slice(0, length)), source);
    }
  }

  #place(path: readonly string[], value: unknown): void {
    const key = path.at(-1);
    if (key === undefined) return;
    const parent = this.#open(path.slice(0, -1));
    if (parent !== undefined) parent[key] = value;
  }

  /** The section at a path, made where there is none; undefined where something else stands, which is a fault already. */
  #open(path: readonly string[]): Record<string, unknown> | undefined {
    let section = this.tree;
    for (const step of path) {
      const inner = (section[step] ??= emptySection());
      if (!isDict(inner)) return undefined;
      section = inner;
    }
    return section;
  }
}

/** Without a prototype, a key such as `__proto__` is a key like any other: unknown, and refused as such. */
function emptySection(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function isDict(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
