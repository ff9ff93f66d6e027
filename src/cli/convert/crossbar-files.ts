import { isAbsolute, join } from 'node:path';

/** The path of a file or directory that a configuration names: relative to the folder of the configuration. */
export function fileIn(folder: string, file: string): string {
  return isAbsolute(file) ? file : join(folder, file);
}
