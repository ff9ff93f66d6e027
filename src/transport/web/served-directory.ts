import { constants } from 'node:fs';
import { open, realpath, stat, type FileHandle } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** A file that is open for one answer, which closes it. */
export interface ServedFile {
  readonly handle: FileHandle;
  readonly byteLength: number;
  /** Strong: changes with size and time of the file, to the microsecond. */
  readonly etag: string;
}

/** Outcomes of the system that mean: there is no file for this path. */
const NOT_THERE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM', 'ENAMETOOLONG', 'EINVAL', 'ENXIO']);
/** A pipe would make the opener wait for its other end. */
const READING = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MICROSECONDS_PER_MS = 1_000;
const HEX = 16;

/**
 * A directory whose regular files may be opened. Links count as long as they end below the directory, which itself may
 * be one: the router resolves it for each file, so that a deployment can change it in one step.
 */
export class ServedDirectory {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** `names`: see fileNamesIn. Undefined: there is no such file, or none that may be read. */
  async open(names: readonly string[]): Promise<ServedFile | 'folder' | undefined> {
    try {
      const root = await realpath(this.#directory);
      const path = await realpath(join(root, ...names));
      if (path !== root && !path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)) return undefined;
      const found = await stat(path);
      if (found.isDirectory()) return 'folder';
      return found.isFile() ? await openFile(path) : undefined;
    } catch (error) {
      if (error instanceof Error && 'code' in error && NOT_THERE.has(String(error.code))) return undefined;
      throw error;
    }
  }
}

async function openFile(path: string): Promise<ServedFile | undefined> {
  const handle = await open(path, READING);
  try {
    const stats = await handle.stat();
    const { size: byteLength, mtimeMs } = stats;
    const etag = `"${tagPart(byteLength)}-${tagPart(mtimeMs * MICROSECONDS_PER_MS)}"`;
    if (stats.isFile()) return { handle, byteLength, etag };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

function tagPart(value: number): string {
  return Math.trunc(value).toString(HEX);
}
