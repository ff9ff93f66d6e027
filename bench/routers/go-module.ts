import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, runTool } from './install.js';

export interface GoServer {
  /** The folder and the binary in the cache. */
  readonly name: string;
  readonly module: string;
  /** A fixed one, so that figures of different days compare. */
  readonly version: string;
  /** The command within the module; empty: the module itself. */
  readonly command: string;
}

/** Builds the server once and returns its folder and binary. Throws a BenchError where Go, or the module, is not to be had. */
export async function installGoServer({ name, module, version, command }: GoServer): Promise<{
  readonly directory: string;
  readonly binary: string;
}> {
  const directory = join(cacheDirectory, `${name}-${version}`);
  const binary = join(directory, name);
  if (existsSync(binary)) return { directory, binary };
  await mkdir(directory, { recursive: true });
  // A module of its own rather than `go install`: that asks the proxy for more than this version, and not all answer.
  await writeFile(join(directory, 'go.mod'), `module bench/${name}\n\ngo 1.21\n`);
  await runTool(['go', 'get', `${module}@${version}`], directory);
  await runTool(['go', 'build', '-mod=mod', '-o', binary, command === '' ? module : `${module}/${command}`], directory);
  return { directory, binary };
}
