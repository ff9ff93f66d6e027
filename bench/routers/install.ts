import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BenchError } from '../failure.js';

/** Where other routers are installed, once for all runs. */
export const cacheDirectory = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gantry-bench');

const installTimeoutMs = 20 * 60_000;

/** Runs a command to its end; throws its output when it fails or does not exist. */
export function runTool(
  argv: readonly string[],
  directory: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [command, ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command!, rest, {
      cwd: directory,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Not `timeout`: where the command does not exist, its timer would keep the bench alive.
      signal: AbortSignal.timeout(installTimeoutMs),
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => reject(new BenchError(`${argv.join(' ')}: ${error.message}`)));
    child.on('close', (exitCode) => {
      if (exitCode === 0) resolve(output);
      else reject(new BenchError(`${argv.join(' ')} failed (${String(exitCode)}): ${output.trim().slice(-600)}`));
    });
  });
}
