import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

const MAX_OUTPUT_BYTES = 67_108_864;

/** Whether a container engine answers within a second. */
export function engineAnswers(): boolean {
  try {
    execFileSync('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 1_000, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Runs docker at the top of the tree. Resolves with its standard output; rejects with its standard error. */
export async function docker(words: readonly string[], variables: NodeJS.ProcessEnv = {}): Promise<string> {
  const env = { ...process.env, ...variables };
  const { stdout } = await run('docker', words, { cwd: root, env, maxBuffer: MAX_OUTPUT_BYTES });
  return stdout.trim();
}

/** Whether an image is here, or can be had. */
export async function hasImage(image: string): Promise<boolean> {
  try {
    await docker(['image', 'inspect', image]).catch(() => docker(['pull', '--quiet', image]));
    return true;
  } catch {
    return false;
  }
}
