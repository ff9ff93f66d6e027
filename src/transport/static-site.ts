import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { contentTypeOf } from './http/content-types.js';

export interface SitePage {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly etag: string;
}

const MAX_FILES = 256;
const MAX_BYTES = 16_777_216;

/**
 * The regular files of a directory, read once into memory. A request path is only ever looked up among their names,
 * so no path can reach anything else; links are not followed.
 */
export class StaticSite {
  readonly #pages: ReadonlyMap<string, SitePage>;

  private constructor(pages: ReadonlyMap<string, SitePage>) {
    this.#pages = pages;
  }

  /** `made`: pages that are no files, by path. Rejects when the directory cannot be read or is too large (256 files, 16 MiB). */
  static async load(directory: string, made: Readonly<Record<string, string>> = {}): Promise<StaticSite> {
    const pages = new Map<string, SitePage>();
    for (const [path, body] of Object.entries(made)) pages.set(path, toPage(path, Buffer.from(body)));
    let totalBytes = 0;
    for (const file of await listFiles(directory)) {
      totalBytes += (await stat(file)).size;
      if (totalBytes > MAX_BYTES) throw new Error(`the site ${directory} is larger than ${MAX_BYTES} bytes`);
      const path = `/${relative(directory, file).split(sep).join('/')}`;
      const page = toPage(path, await readFile(file));
      pages.set(path, page);
      if (path.endsWith('/index.html')) pages.set(path.slice(0, -'index.html'.length), page);
    }
    return new StaticSite(pages);
  }

  get size(): number {
    return this.#pages.size;
  }

  /** `path` as in the request line, without query. */
  find(path: string): SitePage | undefined {
    return this.#pages.get(path);
  }
}

/** Reads folder by folder: whether a recursive `readdir` follows links depends on the version of Node.js. */
async function listFiles(directory: string): Promise<string[]> {
  const files: string[] = [];
  const folders = [directory];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile() && !entry.name.startsWith('.')) files.push(path);
    }
    if (files.length > MAX_FILES) throw new Error(`the site ${directory} has more than ${MAX_FILES} files`);
  }
  return files;
}

/** The page at a path. */
export function toPage(path: string, body: Uint8Array): SitePage {
  return {
    body,
    contentType: contentTypeOf(path),
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
  };
}
