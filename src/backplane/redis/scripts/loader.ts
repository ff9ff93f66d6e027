import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

/** A Lua file as the store is given it. */
export interface LoadedScript {
  readonly file: string;
  readonly text: string;
  /** The hash by which the store knows the script. */
  readonly sha: string;
}

export type LoadedScripts = ReadonlyMap<string, LoadedScript>;

/** Every Lua file of a folder, by name. Synchronous: read once, when the node starts. Throws when there is no folder. */
export function loadScripts(folder = new URL('./lua/', import.meta.url), isSharded = false): LoadedScripts {
  const files = readdirSync(folder).filter((file) => file.endsWith('.lua'));
  return new Map(files.map((file) => [file, loadScript(new URL(file, folder), file, isSharded)]));
}

const INCLUDE = /^-- include (shared\/\w+\.lua)\n/gm;

/** A line `-- include shared/NAME.lua` stands for that file, which several scripts share. Sharded channels have words of their own. */
function loadScript(url: URL, file: string, isSharded: boolean): LoadedScript {
  const included = (_line: string, path: string): string => readFileSync(new URL(path, url), 'utf8');
  const plain = readFileSync(url, 'utf8').replace(INCLUDE, included);
  const text = isSharded ? plain.replaceAll("'PUBLISH'", "'SPUBLISH'").replaceAll("'NUMSUB'", "'SHARDNUMSUB'") : plain;
  return { file, text, sha: createHash('sha1').update(text).digest('hex') };
}
